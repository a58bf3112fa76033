import type { Action, Decision, Subject } from '../../kernel/index.ts';

/** A shell line understood as simple commands, each with its canonical argv, or the reasons why not. */
export interface CommandAnalysis {
  readonly actions: readonly Extract<Action, { kind: 'exec' }>[];
  /** Files the line reads or writes through redirections; absolute paths inside the sandbox. */
  readonly files: readonly Extract<Action, { kind: 'file.read' | 'file.write' }>[];
  /** Why the line is not fully understood; empty when it is. Anything here is asked or denied, never allowed. */
  readonly unclear: readonly string[];
  /** Programs of which nothing is known; they may only run without a question where a rule names them. */
  readonly strangers: readonly string[];
}

/** Everything an approval is bound to (X5). A difference in any field is a different action. */
export interface ApprovalBinding {
  readonly tool: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** SHA-256 of every existing file the action names, by path inside the sandbox; `absent` when there is none. */
  readonly files: Readonly<Record<string, string>>;
  /** Digest of mounts, limits and backend. */
  readonly sandbox: string;
  readonly agent: string;
  readonly session: string;
}

export type ApprovalDecision = 'allow-once' | 'allow-always' | 'deny';
export type ApprovalStatus = 'pending' | 'allowed' | 'denied' | 'expired' | 'cancelled' | 'consumed';

/** What an action could touch, as far as it says. */
export interface ApprovalReach {
  /** Hosts that it names; a command with a way out may reach every host that the agent has a rule for. */
  readonly hosts: readonly string[];
  readonly network: boolean;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

export interface ApprovalRecord {
  readonly id: string;
  readonly bindingHash: string;
  readonly binding: ApprovalBinding;
  /** Full text with bidi and zero-width characters made visible; never truncated. */
  readonly commandText: string;
  readonly title: string;
  /** Unified diff of the file that would change, shown like `commandText`; null when no file is edited. */
  readonly diff: string | null;
  readonly reach: ApprovalReach | null;
  /** What one answer of the model asked for together. */
  readonly batch: string | null;
  /** How many different people must allow it, and who has so far. */
  readonly people: number;
  readonly allowedBy: readonly string[];
  /** Until when the same action goes on without a question, Unix milliseconds. */
  readonly standingUntil: number | null;
  readonly reason: string;
  readonly rule: string;
  readonly subject: Subject;
  readonly status: ApprovalStatus;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  readonly decision: ApprovalDecision | null;
}

export interface ApprovalRequest {
  readonly binding: ApprovalBinding;
  readonly title: string;
  readonly commandText: string;
  readonly decision: Decision;
  readonly subject: Subject;
  /** Milliseconds it stays open, if less than the service's own limit. */
  readonly ttlMs?: number;
  readonly diff?: string;
  readonly reach?: ApprovalReach;
  readonly batch?: string;
  /** No turn waits for it, so that it may stay open for a day. */
  readonly unattended?: boolean;
  /** Different people who must allow it, if more than the service's own number. */
  readonly people?: number;
  /** The simple commands that are asked about, each canonical, when the line is fully understood. */
  readonly commands?: readonly string[];
}

/** One person's answer. */
export interface ApprovalAnswer {
  readonly decision: ApprovalDecision;
  /** With allow-always: milliseconds for which the same action goes on; the service's own time when absent. */
  readonly forMs?: number;
}

/** A narrow answer that stands until it ends (X6). */
export interface StandingApproval {
  readonly name: string;
  readonly agent: string;
  /** Words; `*` stands for exactly one plain word that is no option. */
  readonly pattern: string;
  readonly reason: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  readonly revokedBy: string | null;
  readonly used: number;
  readonly lastUsedAt: number | null;
}

/** A standing approval that history speaks for. */
export interface StandingSuggestion {
  readonly agent: string;
  readonly pattern: string;
  readonly asked: number;
  readonly examples: readonly string[];
  readonly since: number;
}

export interface StandingService {
  list(): Promise<readonly StandingApproval[]>;
  find(name: string): Promise<StandingApproval | undefined>;
  /** @throws APPROVAL_STANDING_TOO_WIDE, APPROVAL_STANDING_EXISTS */
  add(
    wish: Pick<StandingApproval, 'name' | 'agent' | 'pattern' | 'reason'> & { readonly forMs: number },
    by: Subject,
  ): Promise<StandingApproval>;
  /** Counts from the next decision on. @throws APPROVAL_STANDING_NOT_FOUND */
  revoke(name: string, by: Subject): Promise<StandingApproval>;
  /** What was asked often and always allowed, never wider than it was seen. */
  suggest(least: number): Promise<readonly StandingSuggestion[]>;
}

export type ApprovalOutcome =
  | { readonly kind: 'allowed'; readonly approvalId: string; readonly decision: ApprovalDecision }
  | { readonly kind: 'denied' | 'expired' | 'cancelled'; readonly approvalId: string };

export type ApprovalEvent =
  | { readonly type: 'requested'; readonly record: ApprovalRecord }
  | { readonly type: 'resolved'; readonly record: ApprovalRecord };

export interface ApprovalService {
  /**
   * Find the pending or allowed-but-unused approval of this exact binding, or make a pending one. Durable
   * before it returns, so that a restart finds it.
   */
  request(request: ApprovalRequest): Promise<ApprovalRecord>;
  /** Wait until somebody answered, it expired, or the signal fired. */
  wait(id: string, signal: AbortSignal): Promise<ApprovalOutcome>;
  /**
   * Turn an allowed approval into the right to run once: atomically marks it consumed, and refuses with
   * APPROVAL_CHANGED when the binding is not the one approved, APPROVAL_CONSUMED the second time.
   */
  consume(id: string, binding: ApprovalBinding): Promise<void>;
  /**
   * An approval for one run of this request, if a person has answered for it before: the same action in the same
   * session (allow-always), or commands of a standing approval's form.
   */
  standing(request: ApprovalRequest): Promise<ApprovalRecord | undefined>;
  readonly standings: StandingService;
  resolve(id: string, answer: ApprovalDecision | ApprovalAnswer, approver: Subject): Promise<ApprovalRecord>;
  /** Everything of one batch that still waits, each answered for itself. */
  resolveBatch(
    batch: string,
    answer: ApprovalDecision | ApprovalAnswer,
    approver: Subject,
  ): Promise<readonly ApprovalRecord[]>;
  /** Whether this person's answer would count: what runs because of a model never answers, nor who asked where two must. */
  mayAnswer(id: string, approver: Subject): Promise<boolean>;
  get(id: string): Promise<ApprovalRecord | undefined>;
  list(filter?: {
    readonly status?: ApprovalStatus;
    readonly limit?: number;
  }): Promise<readonly ApprovalRecord[]>;
  cancelForRun(run: string): Promise<void>;
  subscribe(listener: (event: ApprovalEvent) => void): () => void;
}
