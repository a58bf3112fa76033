import type { AgentPolicy } from '../agents/types.ts';
import type {
  EgressLimits,
  EgressRuleSpec,
  MailDestination,
  WrittenEgressRule,
} from '../controls/egress/types.ts';
import type { GrantPolicy } from '../controls/grants/types.ts';
import type { AgentBinding } from '../controls/senders/types.ts';
import type { AnchorTarget, ExportDestination } from '../controls/trace/types.ts';
import type { CompiledLayer, Grant } from '../kernel/index.ts';
import type { GatehouseConfig } from './schema.ts';

/** One thing wrong with an input: where, what, and what to do. */
export interface ConfigIssue {
  /** Dotted path, for example `gateway.port`; empty for the file as a whole. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  /** Nearest known key when a key is unknown. */
  readonly nearest?: string;
  readonly fix: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
}

export interface ProviderConfig {
  readonly id: string;
  readonly api: 'openai-completions' | 'anthropic-messages' | 'rehearsal';
  readonly baseUrl: string;
  /** Name of the secret that egress puts in; null when the provider needs none. */
  readonly secret: string | null;
  readonly models: readonly { readonly id: string; readonly name: string; readonly contextTokens: number }[];
}

/** A value that only egress may resolve (K1). */
export interface SecretReference {
  /** Where it stands in the configuration, which is also its name, e.g. `models.providers.openai.apiKey`. */
  readonly name: string;
  readonly source: 'env' | 'file' | 'exec';
  /** Variable name, absolute path, or the exec argv as a JSON array. */
  readonly id: string;
  /** Canonical host (and port) that the value may be sent to. */
  readonly host: string;
  readonly port: number;
  /** How the value travels: `authorization: Bearer {}` and the like. */
  readonly header: string;
}

/** A secret that runs use by placeholder; only egress resolves it. */
export interface RunSecretReference extends Pick<SecretReference, 'name' | 'id'> {
  /** `workspace`: what runs see masked in files; `id` says which, in JSON. */
  readonly source: SecretReference['source'] | 'workspace';
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly places: readonly string[];
}

/** An account of a chat channel that is to be started; secrets by name. */
export interface ChannelAccount {
  readonly channel: 'telegram' | 'webhook';
  readonly account: string;
  /** The credential of the account, or what its deliveries are signed with. */
  readonly secret: string;
  readonly apiRoot?: string;
  readonly webhook?: {
    readonly url: string;
    readonly path: string;
    /** Secret that is sent to the platform, and the same one for comparing what comes. */
    readonly secret: string;
    readonly verify: string;
  };
  readonly callbackUrl?: string;
}

/** Somebody who is told of alerts; secrets by name. */
export type AlertDestinationConfig = {
  readonly name: string;
  readonly severities: readonly ('critical' | 'high' | 'warning')[];
  readonly drills: boolean;
} & (
  | {
      readonly type: 'webhook';
      readonly url: string;
      /** Secret that messages are signed with. */
      readonly secret: string | null;
      /** Secret that is sent as a bearer token. */
      readonly authorization: string | null;
    }
  | { readonly type: 'chat'; readonly channel: string; readonly account: string; readonly chat: string }
  | { readonly type: 'mail' }
);

/** Where spans go; the secret by name. */
export interface TracingConfig {
  readonly endpoint: string;
  readonly authorization: string | null;
  readonly sample: number;
  readonly service: string;
}

export interface PlaybookFacts {
  readonly name: string;
  readonly version: number;
  readonly owner: string;
  /** ISO date. */
  readonly review: string;
}

/** Validated, defaults applied, frozen: what every process runs on. */
export interface EffectiveConfig {
  readonly config: GatehouseConfig;
  /** SHA-256 of the canonical effective configuration including the playbooks. */
  readonly hash: string;
  /** Number of the snapshot that this configuration is, 0 before it was recorded. */
  readonly snapshot: number;
  readonly warnings: readonly ConfigIssue[];
  readonly defaultAgent: string;
  readonly channels: { readonly accounts: readonly ChannelAccount[] };
  readonly alertDestinations: readonly AlertDestinationConfig[];
  /** Undefined: no traces are sent. */
  readonly tracing: TracingConfig | undefined;
  readonly mailDestinations: readonly MailDestination[];
  readonly agents: ReadonlyMap<string, AgentPolicy>;
  /** Playbooks that agents have, with who answers for each and until when it was reviewed. */
  readonly playbooks: readonly PlaybookFacts[];
  /** Which agent a channel, an account or a peer talks to. */
  readonly bindings: readonly AgentBinding[];
  readonly providers: readonly ProviderConfig[];
  readonly secrets: readonly SecretReference[];
  readonly runSecrets: readonly RunSecretReference[];
  /** The layer that bounds the whole install, grants included. */
  readonly ceiling: CompiledLayer;
  /** Destinations of each agent, under the ids of its playbook layer's rules; see `egressRulesOf`. */
  readonly egressRules: ReadonlyMap<string, readonly EgressRuleSpec[]>;
  /** Every rule that an operator wrote, with where it stands; for checks and reports. */
  readonly writtenEgress: readonly WrittenEgressRule[];
  /** What commands may grant (D7). */
  readonly grantPolicy: GrantPolicy;
  /** What connections may use at most (E9). */
  readonly egressLimits: EgressLimits;
  /** What the install's own rules say about the requests of each agent; empty where that is left to playbooks. */
  readonly egressBounds: ReadonlyMap<string, readonly EgressRuleSpec[]>;
  /** One rule `provider:<id>` per provider, for the gateway's own calls only. */
  readonly providerRules: readonly EgressRuleSpec[];
  /** Where checkpoints are kept a second time (T1). */
  readonly anchors: readonly AnchorTarget[];
  /** Where the ledger is delivered to (T2), and one rule `telemetry:<name>` for each place in the network. */
  readonly exports: readonly ExportDestination[];
  readonly telemetryRules: readonly EgressRuleSpec[];
}

/** Where one install keeps what configuration reads; absolute paths. */
export interface ConfigPaths {
  readonly home: string;
  readonly config: string;
  readonly playbooks: string;
  /** Folder of `egress.yaml`. */
  readonly policy: string;
  readonly workspaces: string;
}

export interface ConfigSnapshot {
  readonly number: number;
  readonly hash: string;
  readonly at: number;
  readonly author: string;
  readonly ticket: string;
  readonly reason: string;
}

export interface ConfigService {
  current(): EffectiveConfig;
  /** The text of the file as it stands, with secrets' values never included (there are none: K1). */
  get(path?: string): unknown;
  /** Validate a candidate text (or the file on disk); never changes anything. */
  validate(text?: string): Promise<{ readonly ok: boolean; readonly issues: readonly ConfigIssue[] }>;
  /** Change one key: validate the whole, write atomically, snapshot, apply. */
  set(
    path: string,
    value: unknown,
    by: { readonly author: string; readonly ticket: string; readonly reason: string },
  ): Promise<ConfigSnapshot>;
  /**
   * Replace the whole file: validate, write atomically, snapshot, apply.
   *
   * @throws CONFIG_NOT_EMPTY when `onlyWhenEmpty` and the file holds a setting; CONFIG_INVALID
   */
  apply(
    text: string,
    by: { readonly author: string; readonly ticket: string; readonly reason: string },
    options: { readonly onlyWhenEmpty: boolean },
  ): Promise<ConfigSnapshot>;
  /** What would run with this text as policy/egress.yaml and everything else as it is; changes nothing. */
  tryEgressPolicy(text: string): Promise<{
    /** Undefined when it cannot be used. */
    readonly effective: EffectiveConfig | undefined;
    readonly issues: readonly ConfigIssue[];
  }>;
  jsonSchema(): Readonly<Record<string, unknown>>;
  history(): Promise<readonly ConfigSnapshot[]>;
  /** Unified diff of two snapshots' canonical texts. */
  diff(from: number, to: number): Promise<string>;
  rollback(
    to: number,
    by: { readonly author: string; readonly ticket: string; readonly reason: string },
  ): Promise<ConfigSnapshot>;
  /** What runs, as the files that make it: text by path in the home. Grants and secrets are not in it. */
  exported(): Promise<{
    readonly hash: string;
    readonly snapshot: number;
    readonly files: Readonly<Record<string, string>>;
  }>;
  /** Re-read the file; on any issue the running configuration stays and the issues are returned. */
  reload(author: string): Promise<{
    readonly applied: boolean;
    /** What is there now cannot be used; not applied and not refused means that nothing changed. */
    readonly refused: boolean;
    readonly issues: readonly ConfigIssue[];
  }>;
  /** Widen what runs by these grants until the next call; files and snapshots stay as they are (D7). */
  setGrants(grants: readonly Grant[]): void;
  onApplied(listener: (next: EffectiveConfig, previous: EffectiveConfig) => void): () => void;
}
