import type { Drill } from '../../kernel/index.ts';
import type { AuthRange } from './drills/client.ts';
import { LOAD_DRILLS } from './drills/load.ts';
import { OTHER_DRILLS } from './drills/others.ts';
import { RIGHTS_DRILLS } from './drills/rights.ts';
import { TOKEN_DRILLS } from './drills/tokens.ts';

export type { AuthRange } from './drills/client.ts';

/** Negative tests of who may connect, and what they may do (A1 to A9). */
export const AUTH_DRILLS: readonly Drill<AuthRange>[] = [
  ...TOKEN_DRILLS,
  ...LOAD_DRILLS,
  ...RIGHTS_DRILLS,
  ...OTHER_DRILLS,
];
