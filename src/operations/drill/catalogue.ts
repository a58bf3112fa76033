import { ALERTING_DRILLS } from '../../controls/alerting/drills.ts';
import { AUTH_DRILLS, type AuthRange } from '../../controls/auth/drills.ts';
import { BUDGET_DRILLS, type BudgetRange } from '../../controls/budget/drills.ts';
import { EGRESS_DRILLS, type EgressRange } from '../../controls/egress/drills.ts';
import { EXECUTION_DRILLS, type ExecutionRange } from '../../controls/execution/drills.ts';
import { LISTEN_DRILLS, type ListenRange } from '../../controls/listen/drills.ts';
import { type HoneytokenRange, SECRETS_DRILLS } from '../../controls/secrets/drills.ts';
import { SENDER_DRILLS, type SenderRange } from '../../controls/senders/drills.ts';
import { TRACE_DRILLS, type TraceRange } from '../../controls/trace/drills.ts';
import type { Drill } from '../../kernel/index.ts';

/** Everything that drills of all controls may use, on a live install. */
export interface InstallRange
  extends ListenRange,
    AuthRange,
    SenderRange,
    EgressRange,
    BudgetRange,
    ExecutionRange,
    TraceRange,
    HoneytokenRange {}

/** Every drill there is, by control (D6). A control's own `drills.ts` says what its drills need. */
export const DRILLS: readonly Drill<InstallRange>[] = [
  ...LISTEN_DRILLS,
  ...AUTH_DRILLS,
  ...SENDER_DRILLS,
  ...EGRESS_DRILLS,
  ...BUDGET_DRILLS,
  ...EXECUTION_DRILLS,
  ...TRACE_DRILLS,
  ...SECRETS_DRILLS,
  ...ALERTING_DRILLS,
];

/**
 * What a game day plays, in the order in which it would be told: a credential is rotated and somebody is put out while
 * clients are at work, a planted credential turns up, a run wants out, a budget ends, and the record is doubted.
 */
export const GAME_DAY: readonly string[] = [
  'auth.rotation-under-load',
  'auth.disabled-principal',
  'auth.revoked-token',
  'secrets.honeytoken',
  'egress.host-without-rule',
  'egress.rebinding',
  'execution.forbidden-command',
  'budget.overrun',
  'trace.edited-record',
  'alerting.somebody-is-told',
];
