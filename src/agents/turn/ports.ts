import type { Budget } from '../../controls/budget/index.ts';
import type { ApprovalService } from '../../controls/execution/index.ts';
import type {
  Authority,
  Clock,
  Egress,
  EgressIdentity,
  Ledger,
  Logger,
  Random,
  RefusedDestination,
  Sandbox,
  Subject,
  Tripwire,
} from '../../kernel/index.ts';
import type { SessionStore } from '../sessions/service.ts';
import type { TaskWorkspaces } from '../task-workspaces/service.ts';
import type { Tool } from '../tools/define.ts';
import type { AgentPolicy, ModelProvider } from '../types.ts';
import type { Workspaces } from './workspaces.ts';

/** Everything that turns are made of. */
export interface TurnPorts {
  readonly sessions: SessionStore;
  readonly policyOf: (agent: string) => AgentPolicy | undefined;
  readonly providers: readonly ModelProvider[];
  readonly sandbox: Sandbox;
  readonly egress: Pick<Egress, 'openRun' | 'closeRun'> & {
    /** Ask a person for a destination; the id of the approval, or undefined where nobody is asked (E8). */
    ask?(identity: EgressIdentity, destination: RefusedDestination): Promise<string | undefined>;
  };
  readonly approvals: ApprovalService;
  readonly budget: Budget;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Knows planted credentials in what a model asks for and says (K4). */
  readonly tripwire?: Tripwire;
  readonly tools: readonly Tool[];
  /** Who runs on which folder, over all sessions and agents. */
  readonly workspaces: Workspaces;
  /** Absent: no agent has workspaces of single sessions. */
  readonly tasks?: Pick<TaskWorkspaces, 'enter'>;
  /** The rights a principal has now, for turns that go on after a restart; undefined when it has none left. */
  readonly rightsOf: (subject: Subject, space: string) => Authority | undefined;
  /** Waits before a retry; rejects with the signal's reason. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}
