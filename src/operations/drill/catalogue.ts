import { AUTH_DRILLS, type AuthRange } from '../../controls/auth/drills.ts';
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
    ExecutionRange,
    TraceRange,
    HoneytokenRange {}

/** Every drill there is, by control (D6). A control's own `drills.ts` says what its drills need. */
export const DRILLS: readonly Drill<InstallRange>[] = [
  ...LISTEN_DRILLS,
  ...AUTH_DRILLS,
  ...SENDER_DRILLS,
  ...EGRESS_DRILLS,
  ...EXECUTION_DRILLS,
  ...TRACE_DRILLS,
  ...SECRETS_DRILLS,
];
