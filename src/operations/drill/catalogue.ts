import { LISTEN_DRILLS, type ListenRange } from '../../controls/listen/drills.ts';
import { type HoneytokenRange, SECRETS_DRILLS } from '../../controls/secrets/drills.ts';
import type { Drill } from '../../kernel/index.ts';

/** Everything that drills of all controls may use, on a live install. */
export type InstallRange = ListenRange & HoneytokenRange;

/** Every drill there is, by control (D6). A control's own `drills.ts` says what its drills need. */
export const DRILLS: readonly Drill<InstallRange>[] = [...LISTEN_DRILLS, ...SECRETS_DRILLS];
