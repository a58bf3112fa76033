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

export interface ApprovalRecord {
  readonly id: string;
  readonly bindingHash: string;
  readonly binding: ApprovalBinding;
  /** Full text with bidi and zero-width characters made visible; never truncated. */
  readonly commandText: string;
  readonly title: string;
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
  /** Whether a standing approval (allow-always) covers this binding for its session and agent. */
  standing(binding: ApprovalBinding): Promise<ApprovalRecord | undefined>;
  resolve(id: string, decision: ApprovalDecision, approver: Subject): Promise<ApprovalRecord>;
  get(id: string): Promise<ApprovalRecord | undefined>;
  list(filter?: {
    readonly status?: ApprovalStatus;
    readonly limit?: number;
  }): Promise<readonly ApprovalRecord[]>;
  cancelForRun(run: string): Promise<void>;
  subscribe(listener: (event: ApprovalEvent) => void): () => void;
}
