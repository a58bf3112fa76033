import type { ApprovalAnswer, ApprovalEvent, ApprovalRecord } from '../../controls/execution/types.ts';
import type { SenderKey } from '../../controls/senders/types.ts';

/** A chat sender that stands for a principal with the right to answer, as the installation says now. */
export interface Approver extends SenderKey {
  readonly principal: string;
  /** Agents whose approvals it sees; `*` is all. */
  readonly agents: readonly string[];
}

/** What channels need of approvals. Answers take the same way as those of every other surface. */
export interface ApprovalsPort {
  /** Everybody who may answer now, and whom the channel lets in. */
  approvers(): Promise<readonly Approver[]>;
  pending(): Promise<readonly ApprovalRecord[]>;
  get(id: string): Promise<ApprovalRecord | undefined>;
  /** Whether the answer of this one would count. */
  mayAnswer(approver: Approver, id: string): Promise<boolean>;
  /** @throws APPROVAL_*, AUTH_SCOPE_MISSING, GRANT_* */
  answer(approver: Approver, id: string, answer: ApprovalAnswer, trace: string): Promise<ApprovalRecord>;
  subscribe(listener: (event: ApprovalEvent) => void): () => void;
}
