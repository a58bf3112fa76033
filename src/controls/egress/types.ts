import type { Rule } from '../../kernel/index.ts';

export const EGRESS_CLASSES = ['model', 'artifact', 'telemetry', 'internal', 'channel', 'other'] as const;
export type EgressClass = (typeof EGRESS_CLASSES)[number];

/** What a tunnel may carry. Absent: TLS on 443, TLS or HTTP elsewhere, decided by the first byte. */
export const EGRESS_PROTOCOLS = ['tls', 'http', 'tcp'] as const;
export type EgressProtocol = (typeof EGRESS_PROTOCOLS)[number];

/** Methods that egress knows; TRACE would repeat headers, CONNECT is a tunnel. */
export const EGRESS_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** One egress rule as an operator writes it (E2). */
export interface EgressRuleSpec {
  readonly id: string;
  /** Exact name, `*.` and a suffix (exactly one label), an address literal, or `*`. */
  readonly host: string;
  readonly port: number;
  readonly class: EgressClass;
  /** Networks in CIDR that this host may lead to although they are not public. */
  readonly networks?: readonly string[];
  readonly protocol?: EgressProtocol;
  /** HTTP methods that pass; absent: all that egress knows. This, `paths` and `secrets` end TLS in egress. */
  readonly methods?: readonly string[];
  /** Paths that pass: exact, `*` for one segment, `/**` at the end for everything below. */
  readonly paths?: readonly string[];
  /** Names of secrets that requests under this rule may carry. */
  readonly secrets?: readonly string[];
  /** One of `secrets` that egress puts into every request itself, so that the run need not know of it. */
  readonly attach?: string;
  /** Default `allow`. */
  readonly effect?: Rule['effect'];
  readonly owner?: string;
  readonly ticket?: string;
  readonly reason?: string;
  /** Unix milliseconds. */
  readonly expires?: number;
}

/** A rule together with where an operator wrote it. */
export interface WrittenEgressRule {
  readonly spec: EgressRuleSpec;
  /** `policy/egress.yaml`, `networkPolicy` or `playbook:<name>`. */
  readonly source: string;
  /** Shipped with Gatehouse, so nobody here wrote it. */
  readonly shipped: boolean;
  /** Agents that it opens something for. */
  readonly agents: readonly string[];
}

/** A destination in canonical form: judged from the raw text, never rewritten by a URL parser. */
export interface Target {
  /** Lower case, A-labels; an IPv6 literal without brackets (RFC 5952). */
  readonly host: string;
  readonly port: number;
  /** 0 for a name. */
  readonly literal: 0 | 4 | 6;
  /** `localhost`, single labels and special-use suffixes: only an exact rule reaches them. */
  readonly local: boolean;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** One look-up of the whole answer, without search domains or the hosts file. */
export interface Resolver {
  resolve(host: string): Promise<readonly ResolvedAddress[]>;
}

/** What the secrets control offers to provider calls; the value never leaves the call it was made for. */
export interface SecretInjector {
  /** Put secrets in for their placeholders; throws SECRET_WRONG_HOST, SECRET_WRONG_PLACE and SECRET_UNKNOWN. */
  fill(
    header: string,
    value: string,
    target: { readonly host: string; readonly port: number },
  ): { readonly value: string; readonly names: readonly string[] };
  /** As `fill`, for the target of a request. */
  fillTarget(
    path: string,
    target: { readonly host: string; readonly port: number },
  ): { readonly value: string; readonly names: readonly string[] };
  redact(text: string): string;
  /** Same-length masking of a byte stream; undefined when there is nothing to hide. */
  stream(): SecretMask | undefined;
}

/** A request whose placeholders were found and judged, before any value is put in. */
export interface SecretPlan {
  readonly names: readonly string[];
  fill(): { readonly headers: readonly string[]; readonly target: string };
}

/** What the secrets control offers to intercepted requests of one run (E6). */
export interface RunSecrets {
  /** Throws SECRET_UNKNOWN, SECRET_WRONG_HOST and SECRET_WRONG_PLACE. */
  plan(request: {
    readonly host: string;
    readonly port: number;
    readonly headers: readonly string[];
    readonly target: string;
    /** Put this one in, whether the request asks for it or not, if the run may use it. */
    readonly attach?: string;
  }): SecretPlan;
  /** Whether a text holds what begins like a placeholder. */
  mentions(text: string): boolean;
  used(name: string, at: number): void;
  redact(text: string): string;
  stream(): SecretMask | undefined;
}

export interface SecretMask {
  push(chunk: Buffer): Buffer;
  /** What was held back at the end of the stream. */
  flush(): Buffer;
}

export interface EgressLimits {
  readonly connectionsPerRun: number;
  /** Open at once, by all runs of one agent. */
  readonly connectionsPerAgent: number;
  readonly connectionsTotal: number;
  /** Requests and tunnels over a run's life, refused ones included (a flood fills no ledger, attack 94). */
  readonly requestsPerRun: number;
  /** Both directions, over a run's life. */
  readonly bytesPerRun: number;
  /** Both directions, per day in UTC, by all runs of one agent. */
  readonly bytesPerAgentDay: number;
  /** Both directions, per day in UTC, by all runs. */
  readonly bytesPerDay: number;
  readonly headerBytes: number;
  readonly headerCount: number;
  readonly helloBytes: number;
  readonly helloMs: number;
  /** Milliseconds for a request's head, and for its whole body. */
  readonly headMs: number;
  readonly connectMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly openRuns: number;
}

export const DEFAULT_EGRESS_LIMITS: EgressLimits = Object.freeze({
  connectionsPerRun: 64,
  connectionsPerAgent: 512,
  connectionsTotal: 1_024,
  requestsPerRun: 10_000,
  bytesPerRun: 4 * 1024 ** 3,
  bytesPerAgentDay: 64 * 1024 ** 3,
  bytesPerDay: 256 * 1024 ** 3,
  headerBytes: 16_384,
  headerCount: 100,
  helloBytes: 16_384,
  helloMs: 5_000,
  headMs: 10_000,
  connectMs: 10_000,
  idleMs: 120_000,
  totalMs: 3_600_000,
  openRuns: 256,
});

/** A mailbox, as the configuration fixes it. */
export interface MailDestination {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** RFC 8314: TLS from the first byte; or STARTTLS (RFC 3207), without which nothing is sent. */
  readonly tls: 'implicit' | 'starttls';
  readonly from: string;
  readonly to: readonly string[];
  readonly username: string | null;
  /** Name of the secret. */
  readonly password: string | null;
}
