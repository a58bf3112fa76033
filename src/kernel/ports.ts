import type { Subject } from './action.ts';
import type { Effect } from './authority.ts';

/** Wall and monotonic time in milliseconds. */
export interface Clock {
  now(): number;
  monotonic(): number;
}

export interface Random {
  bytes(size: number): Uint8Array;
  uuid(): string;
}

/** A structured line of a process's own log. Values pass the redactor before they reach any sink. */
export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const LEDGER_TYPES = [
  'decision',
  'login',
  'message',
  'model',
  'tool',
  'approval',
  'egress',
  'change',
  'drill',
  'process',
  'alert',
] as const;
export type LedgerType = (typeof LEDGER_TYPES)[number];

/** One thing that happened. Never holds a secret, a prompt or a tool's output: facts, digests and names only. */
export interface LedgerEvent {
  readonly type: LedgerType;
  /** Verb in the past tense or the action's kind, for example `tool.started`, `login.refused`. */
  readonly action: string;
  readonly outcome: Effect | 'success' | 'failure' | 'started' | 'unknown';
  readonly code?: string;
  readonly rule?: string;
  readonly subject?: Subject;
  /** Groups everything that one message caused. */
  readonly trace?: string;
  readonly authorityHash?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface LedgerReceipt {
  readonly writer: string;
  readonly seq: number;
  readonly hash: string;
}

export interface Ledger {
  /**
   * Resolves once the record is on disk. A high-impact action awaits this and does not
   * start when it rejects (attack 98). `patient` is for what has happened already and nobody waits for: it goes to
   * disk with the next record that somebody waits for, or a moment later.
   */
  append(event: LedgerEvent, options?: { readonly patient?: boolean }): Promise<LedgerReceipt>;
}

export type MountMode = 'ro' | 'rw';

export interface Mount {
  /** Absolute path on the host; already resolved and checked against the forbidden roots. */
  readonly source: string;
  /** Absolute path inside the sandbox. */
  readonly target: string;
  readonly mode: MountMode;
}

export interface SandboxLimits {
  /** Bytes of memory for the whole run. */
  readonly memoryBytes: number;
  /** Processes and threads at once. */
  readonly processes: number;
  /** Bytes of the largest file a run may write. */
  readonly fileBytes: number;
  /** Bytes of the run's private /tmp. */
  readonly tmpBytes: number;
  /** Milliseconds of wall time. */
  readonly wallMs: number;
  /** Seconds of processor time per process. */
  readonly cpuSeconds: number;
  /** Bytes kept of stdout and of stderr each; the rest is counted and dropped. */
  readonly outputBytes: number;
  readonly openFiles: number;
}

/** A file of the host that a run sees in place of what lies there (K5). */
export interface FileMask {
  /** Host path, made by Gatehouse itself. */
  readonly source: string;
  /** Path inside, below the target of one of the run's mounts. */
  readonly target: string;
  readonly mode: 'ro' | 'rw';
}

export interface RunSpec {
  readonly runId: string;
  /** Owner of the resources: runs of one scope share a uid and a limit, never a namespace. */
  readonly scope: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  readonly mounts: readonly Mount[];
  /** Laid over the mounts, in this order; a backend that cannot do all of them runs nothing. */
  readonly masks?: readonly FileMask[];
  /** The argv is a script of Gatehouse itself, not a model's: it moves no folders about. */
  readonly fixed?: boolean;
  /** Host path of the run's own egress socket; absent means no way out at all. */
  readonly egressSocket?: string;
  /** Host path of certificates in PEM that take the place of the system's inside; only together with the socket. */
  readonly trustBundle?: string;
  readonly limits: SandboxLimits;
  /** Which backend runs it; absent means the install's own. There is never another one in its place. */
  readonly backend?: string;
  /** Image of a container backend, as the configuration names it; absent means the one that was set up. */
  readonly image?: string;
  /** Only these programs exist inside (strict mode); absent means the minimal system paths. */
  readonly programs?: readonly string[];
}

/** `memory` and `disk`: stopped because it used, or left, too much or too little of it. */
export type RunEnd = 'exited' | 'signalled' | 'timeout' | 'aborted' | 'memory' | 'disk';

export interface RunResult {
  readonly end: RunEnd;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Bytes that were produced beyond `outputBytes` and dropped. */
  readonly droppedBytes: number;
  readonly durationMs: number;
}

export interface RunObserver {
  onOutput?(stream: 'stdout' | 'stderr', chunk: Uint8Array): void;
}

export interface SandboxProbe {
  readonly backend: string;
  readonly available: boolean;
  readonly version: string;
  /** What holds on this machine, each with how it is enforced or why it is not. */
  readonly features: Readonly<Record<string, { readonly holds: boolean; readonly how: string }>>;
  /** Set when not available: how to install one. */
  readonly fix?: string;
}

/** The only spawn path for anything that a model asked for (X1). */
export interface Sandbox {
  readonly backend: string;
  /** It lays `masks` over the mounts; without this, nothing with credentials is mounted at all. */
  readonly masksFiles?: boolean;
  probe(): Promise<SandboxProbe>;
  run(spec: RunSpec, signal: AbortSignal, observer?: RunObserver): Promise<RunResult>;
  /** The exact isolation a run would get, for `sandbox explain`. */
  explain(spec: RunSpec): readonly string[];
  /** What an approval is bound to beside the spec: the backend, and for containers the image by its content (X5). */
  identity?(run: Pick<RunSpec, 'backend' | 'image'>): string;
  /**
   * Resolves when nothing waits for a run any more and nothing that was being made for one is left. Runs after it are
   * refused; absent, the backend keeps nothing between runs.
   */
  close?(): Promise<void>;
}

/** Every backend of this version behind one port: a run goes to the one that it names, and to no other. */
export interface SandboxSet extends Sandbox {
  readonly names: readonly string[];
  /** What holds of one backend on this machine. */
  probeOf(name: string): Promise<SandboxProbe>;
  identity(run: Pick<RunSpec, 'backend' | 'image'>): string;
}

/** What building a container backend's image takes, and what it made. */
export interface ImagePlan {
  readonly backend: string;
  readonly name: string;
  readonly suite: string;
  readonly packages: readonly string[];
  /** What would be done, in order, in words. */
  readonly steps: readonly string[];
  /** `sha256:...` of the image that is set up already with exactly this content; null when there is none. */
  readonly ready: string | null;
}

export interface ImageRequest {
  readonly backend: string;
  readonly packages?: readonly string[];
  /** A tar archive of a root file system that takes the place of what would be fetched. */
  readonly archive?: string;
}

/** Makes images without a registry (X2). */
export interface ImageBuilder {
  plan(request: ImageRequest): Promise<ImagePlan>;
  build(request: ImageRequest, signal: AbortSignal): Promise<{ readonly name: string; readonly id: string }>;
  /** The image that was set up for a backend; undefined when there is none. */
  recorded(backend: string): { readonly name: string; readonly id: string } | undefined;
}

/** Who a run's connections are attributed to (E5): fixed when its socket is made. */
export interface EgressIdentity extends Subject {
  readonly run: string;
  readonly agent: string;
}

export interface EgressVerdict {
  readonly effect: Effect;
  readonly code: string;
  readonly rule: string;
  readonly reason: string;
  readonly fix: string;
}

export interface EgressStatus {
  readonly pid: number;
  readonly version: string;
  readonly policyHash: string;
  readonly secrets: readonly { readonly name: string; readonly host: string; readonly available: boolean }[];
  readonly openRuns: number;
  readonly connections: number;
}

/** A run's way out, and what of it the sandbox has to put in place. */
export interface OpenedRun {
  readonly socketPath: string;
  /** Variables that hold placeholders of secrets (E6). */
  readonly env: Readonly<Record<string, string>>;
  /** See RunSpec. */
  readonly trustBundle?: string;
}

/** One secret that runs use, as far as anybody may know it. */
export interface RunSecretStatus {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly places: readonly string[];
  readonly source: string;
  /** Unix milliseconds since this egress started; null until it is used. */
  readonly lastUsedAt: number | null;
  readonly uses: number;
}

export interface RunSecretsReport {
  readonly secrets: readonly RunSecretStatus[];
  /** The authority that ends TLS of runs; null until one is needed. */
  readonly authority: { readonly fingerprint: string; readonly expires: number } | null;
}

/** The outside of a drill, made up. */
export interface Rehearsal {
  /** The one host that a rule allows, on every port: a name below `drill.invalid`, which never exists (RFC 6761). */
  readonly host: string;
  /** What a name server would say to one look-up after the other; the last answer repeats. */
  readonly answers: readonly (readonly string[])[];
}

/** A destination that a run asked for and did not get. */
export interface RefusedDestination {
  readonly host: string;
  readonly port: number;
  readonly code: string;
  /** The approval that waits for somebody to open it (E8). */
  readonly approval?: string;
}

/** How far the delivery of the ledger to one destination is (T2). */
export interface ExportStatus {
  readonly name: string;
  readonly kind: 'file' | 'syslog' | 'http' | 'otlp';
  /** Where it goes, as an address or a path. */
  readonly target: string;
  readonly format: 'ocsf' | 'json';
  readonly state: 'idle' | 'sending' | 'failing';
  /** Records that are not known to be delivered. */
  readonly waiting: number;
  /** Unix milliseconds, as all times here; null when there is none. */
  readonly oldestWaitingAt: number | null;
  readonly lastDeliveredAt: number | null;
  /** Records that the collector refused and that were passed over, each with an alert. */
  readonly skipped: number;
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly fix: string;
    readonly nextTryAt: number | null;
  } | null;
}

/** The gateway's view of the egress process. Every call fails with `EGRESS_UNAVAILABLE` while it is down. */
export interface Egress {
  /**
   * Make the run's own socket; the returned path is bound into that sandbox and nowhere else. `secrets` are names that
   * the run may use at most; egress takes away what the agent's own authority does not allow. `bytes` is what a budget
   * has set aside for it, in both directions; absent means egress's own limits alone.
   */
  openRun(identity: EgressIdentity, secrets?: readonly string[], bytes?: number): Promise<OpenedRun>;
  /** A run of a drill, for which `rehearsal` is the whole outside; nothing of it is ever dialled (D6). */
  rehearse(identity: EgressIdentity, rehearsal: Rehearsal): Promise<OpenedRun>;
  /** Ends it. `reached` is false only when it is certain that no byte went out or came in through the socket. */
  closeRun(run: string): Promise<{
    readonly reached: boolean;
    /** Bytes that went out and came in; absent when nobody knows. */
    readonly bytes?: number;
    /** Destinations that were refused for want of a rule or of a person's word. */
    readonly refused?: readonly RefusedDestination[];
  }>;
  check(url: string, agent: string): Promise<EgressVerdict>;
  /** Sign a ledger checkpoint; the key never leaves the egress process. */
  sign(checkpoint: Uint8Array): Promise<{ readonly keyId: string; readonly signature: string }>;
  status(): Promise<EgressStatus>;
  /** Read again what is planted to be found (K4). */
  reloadHoneytokens(): Promise<void>;
  /** What there is for runs: names and places, never values. */
  runSecrets(): Promise<RunSecretsReport>;
  /** How far the ledger is delivered to each destination outside. */
  exports(): Promise<readonly ExportStatus[]>;
  reload(): Promise<void>;
  /** Look at the stored grants now. Egress reads and judges them itself; nothing is handed over. */
  refreshGrants(): Promise<void>;
  /** Unix socket that takes the gateway's own provider calls in absolute form. */
  readonly providerSocket: string;
}

/** Something a person must know now (A9, T4). Holds no secret; `fix` says what to do next. */
export interface Alert {
  /** Name of the rule that fired, for example `auth.spike`. */
  readonly rule: string;
  readonly code: string;
  readonly severity: 'critical' | 'high' | 'warning';
  readonly title: string;
  readonly fix: string;
  /** What makes two alerts of one rule the same, so that repeats are counted; the title when absent. */
  readonly key?: string;
  readonly subject?: Subject;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Run of drills that provoked it on purpose; whoever pages people need not page them for it. */
  readonly drill?: string;
}

/** Takes alerts and never throws: whoever notices an attack does not fail because nobody could be told. */
export interface Alerts {
  raise(alert: Alert): void;
}

/** Where something was seen and who brought it there. */
export interface Sighting {
  /** For example `a login`, `arguments of shell`, `a request to api.example.org`. */
  readonly where: string;
  readonly subject?: Subject;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Knows planted credentials when they pass (K4). Never throws. */
export interface Tripwire {
  /** Raise an alert when the text holds a planted credential, in plain or in a known coding; whether it did. */
  trips(text: string, seen: Sighting): boolean;
  /** The same for bytes that come in pieces; undefined when nothing is planted. */
  watch(seen: Sighting): ((chunk: Uint8Array) => boolean) | undefined;
}
