import { randomBytes, randomUUID } from 'node:crypto';
import {
  type AuthTables,
  createAuthService,
  migrations,
  type RunningAuth,
} from '../../../controls/auth/index.ts';
import { openDatabase } from '../../../drivers/sqlite/index.ts';
import type { LedgerEvent } from '../../../kernel/index.ts';

export interface TestHome extends AsyncDisposable {
  readonly auth: RunningAuth;
  /** What the ledger was given. */
  readonly events: readonly LedgerEvent[];
  /** Move the clock, in milliseconds. */
  advance(ms: number): void;
}

/** Real authentication over a store in memory, with a ledger that keeps events and a clock that stands still. */
export async function testHome(): Promise<TestHome> {
  const database = openDatabase<AuthTables>(':memory:');
  await database.migrate(migrations);
  const events: LedgerEvent[] = [];
  let elapsed = 0;
  const auth = createAuthService({
    db: database.db,
    clock: { now: () => 1_800_000_000_000 + elapsed, monotonic: () => elapsed },
    random: { bytes: (size) => randomBytes(size), uuid: () => randomUUID() },
    ledger: {
      append: async (event) => {
        events.push(event);
        return { writer: 'test', seq: events.length, hash: '' };
      },
    },
    delay: async () => {},
  });
  return {
    auth,
    events,
    advance: (ms) => void (elapsed += ms),
    [Symbol.asyncDispose]: async () => {
      await auth.close();
      database.close();
    },
  };
}
