import type { ModelProvider, SessionService, TurnService } from '../agents/types.ts';
import type { ConfigService } from '../configuration/types.ts';
import type { ActivityService } from '../controls/activity/types.ts';
import type { AlertingService } from '../controls/alerting/types.ts';
import type { AuthService } from '../controls/auth/types.ts';
import type { BackupService } from '../controls/backup/index.ts';
import type { BudgetService } from '../controls/budget/index.ts';
import type { DrillService } from '../controls/drills/types.ts';
import type { ApprovalRecord, ApprovalService } from '../controls/execution/types.ts';
import type { GrantService } from '../controls/grants/index.ts';
import type { RepairService } from '../controls/repairs/index.ts';
import type { HoneytokenService } from '../controls/secrets/types.ts';
import type { SenderService } from '../controls/senders/types.ts';
import type {
  AlertService,
  Denials,
  DriftService,
  Envelope,
  InstallFacts,
  KeptCheckpoints,
} from '../controls/trace/index.ts';
import type { LedgerService } from '../controls/trace/types.ts';
import type { TrafficService } from '../controls/traffic/index.ts';
import type { Clock, Egress, Finding, ImageBuilder, Logger, SandboxSet } from '../kernel/index.ts';

/** Absolute paths of one install. */
export interface HomePaths {
  readonly home: string;
  readonly config: string;
  readonly playbooks: string;
  readonly policy: string;
  readonly state: string;
  readonly keys: string;
  readonly logs: string;
  /** Sockets; short enough for sun_path (108 bytes). */
  readonly run: string;
  readonly workspaces: string;
}

/** A socket as the kernel reports it (L2). */
export interface MeasuredListener {
  readonly pid: number;
  readonly process: string;
  readonly family: 'tcp4' | 'tcp6' | 'unix';
  readonly address: string;
  readonly port: number | null;
  readonly plane: string;
  readonly declared: boolean;
}

export interface PostureLine {
  readonly area:
    | 'listen'
    | 'credentials'
    | 'sessions'
    | 'egress'
    | 'execution'
    | 'grants'
    | 'budget'
    | 'ledger';
  readonly required: string;
  readonly measured: string;
  readonly holds: boolean;
}

export interface RuntimeService {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  listeners(): Promise<readonly MeasuredListener[]>;
  posture(): Promise<readonly PostureLine[]>;
  /** Checks of every control against configuration and facts. */
  findings(): Promise<readonly Finding[]>;
  ready(): { readonly ready: boolean; readonly failing: readonly string[] };
  /** Lines of the gateway's log from a byte offset. */
  tailLog(
    cursor: number,
    limit: number,
    maxBytes: number,
  ): Promise<{
    readonly lines: readonly string[];
    readonly cursor: number;
    readonly size: number;
    readonly reset: boolean;
    readonly truncated: boolean;
    readonly file: string;
  }>;
  /** Ends the process after draining; resolves when draining has begun. */
  stop(reason: string, restart: boolean): Promise<void>;
}

/** An account of a chat channel as it is now. */
export interface ChannelStatus {
  readonly channel: string;
  readonly account: string;
  readonly mode: string;
  readonly state: 'connected' | 'starting' | 'failing';
  readonly problem: string | null;
  readonly waiting: number;
  readonly toSend: number;
  readonly unknown: number;
  readonly failed: number;
  /** Unix milliseconds. */
  readonly lastReceivedAt: number | null;
}

export interface ChannelsService {
  status(): Promise<readonly ChannelStatus[]>;
}

/** Destinations that agents ask for, as approvals (E8). */
export interface EgressQuestions {
  /** Open what an answered approval allows; nothing for any other one, and once. @throws GRANT_* */
  settle(record: ApprovalRecord): Promise<void>;
  /** As `settle`, for what an earlier process left. */
  settleAll(): Promise<void>;
}

/** One of several installs of this account (D11). */
export interface InstanceStatus {
  readonly name: string;
  readonly home: string;
  readonly port: number;
  readonly unit: string;
  readonly logPrefix: string;
  readonly running: boolean;
  readonly unitText: string;
}

export interface InstancesService {
  /** @throws INSTANCE_REGISTRY_BROKEN */
  list(): Promise<readonly InstanceStatus[]>;
  /** @throws INSTANCE_INVALID, INSTANCE_TAKEN, INSTANCE_REGISTRY_BROKEN, HOME_NOT_PRIVATE, HOME_UNUSABLE */
  add(wanted: {
    readonly name: string;
    readonly home?: string;
    readonly port?: number;
  }): Promise<InstanceStatus>;
  /** @throws INSTANCE_UNKNOWN, INSTANCE_RUNNING, INSTANCE_REGISTRY_BROKEN */
  remove(name: string): Promise<InstanceStatus>;
}

/** A widening that somebody is answerable for, as an attestation names it. */
export interface OpenGrant {
  readonly id: string;
  readonly what: string;
  readonly owner: string;
  readonly ticket: string;
  /** ISO time. */
  readonly expires: string;
}

/** What this install is, and its signature. */
export interface EvidenceService {
  facts(): Promise<InstallFacts>;
  /** Grants that still widen something. */
  grants(): Promise<readonly OpenGrant[]>;
  /** Sign a document with the key of the install. @throws EGRESS_UNAVAILABLE: the key is in egress */
  seal(payloadType: string, document: unknown): Promise<Envelope>;
}

/** What strangers got from the live listeners. */
export interface DeepAuditReport {
  readonly attempts: number;
  /** Plane, address and port of each listener that was tried. */
  readonly listeners: readonly string[];
  /** Where attempts came from; `loopback` is an address of its own for each. */
  readonly sources: readonly string[];
  readonly findings: readonly Finding[];
}

/** Everything that can be measured of this process, at once. */
export interface MetricsService {
  /** Prometheus text format 0.0.4. */
  scrape(): Promise<string>;
}

/** What operations are made of. Composed once per process in `processes/`. */
export interface Services {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly home: HomePaths;
  readonly config: ConfigService;
  readonly auth: AuthService;
  readonly senders: SenderService;
  readonly grants: GrantService;
  readonly traffic: TrafficService;
  readonly activity: ActivityService;
  readonly honeytokens: HoneytokenService;
  readonly channels: ChannelsService;
  readonly approvals: ApprovalService;
  readonly egressQuestions: EgressQuestions;
  readonly instances: InstancesService;
  readonly ledger: LedgerService;
  /** Checkpoints of other installs. */
  readonly kept: KeptCheckpoints;
  readonly alerts: AlertService;
  readonly alerting: AlertingService;
  readonly budget: BudgetService;
  readonly drills: DrillService;
  /** Where refusals of callers who proved who they are go: repeats are counted (attack 94). */
  readonly denials: Pick<Denials, 'record'>;
  readonly sessions: SessionService;
  readonly tasks: Pick<TaskWorkspaces, 'find' | 'sweep'>;
  readonly turns: TurnService;
  readonly providers: readonly ModelProvider[];
  readonly sandbox: SandboxSet;
  readonly images: ImageBuilder;
  readonly egress: Egress;
  readonly runtime: RuntimeService;
  readonly drift: DriftService;
  readonly evidence: EvidenceService;
  readonly backups: BackupService;
  readonly repairs: RepairService;
  /** Try the live listeners as a stranger. @throws AUDIT_NOT_RUNNING where no gateway runs */
  auditDeep(): Promise<DeepAuditReport>;
  readonly metrics: MetricsService;
}

import type { TaskWorkspaces } from '../agents/task-workspaces/service.ts';
