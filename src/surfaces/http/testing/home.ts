import { randomBytes, randomUUID } from 'node:crypto';
import {
  type AuthTables,
  createAuthService,
  migrations,
  type RunningAuth,
} from '../../../controls/auth/index.ts';
import { openDatabase } from '../../../drivers/sqlite/index.ts';
import type { LedgerEvent } from '../../../kernel/index.ts';

export type AuthOptions = Parameters<typeof createAuthService>[0];

export interface TestHome extends AsyncDisposable {
  readonly auth: RunningAuth;
  /** What the ledger was given. */
  readonly events: readonly LedgerEvent[];
  /** Move the clock, in milliseconds. */
  advance(ms: number): void;
  /** Run what waits for a time that has come. */
  runTimers(): void;
}

/** Real authentication over a store in memory, with a ledger that keeps events and a clock that stands still. */
export async function testHome(more: Partial<AuthOptions> = {}): Promise<TestHome> {
  const database = openDatabase<AuthTables>(':memory:');
  await database.migrate(migrations);
  const events: LedgerEvent[] = [];
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
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
    ...more,
    setTimer: (ms, run) => {
      const timer = { at: elapsed + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  return {
    auth,
    events,
    advance: (ms) => void (elapsed += ms),
    runTimers() {
      for (const timer of timers) {
        if (timer.at <= elapsed && timers.delete(timer)) timer.run();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await auth.close();
      database.close();
    },
  };
}
