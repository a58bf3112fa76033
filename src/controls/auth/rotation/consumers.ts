import { type Kysely, sql } from 'kysely';
import { safeUserAgent } from '../login-journal.ts';
import type { SetTimer } from '../timer.ts';
import type { Consumer, PeerFacts } from '../types.ts';
import type { RotationTables } from './tables.ts';

/** Milliseconds that uses are gathered before they are written. */
export const CONSUMER_FLUSH_MS = 5_000;
/** Consumers gathered between two writes, and kept per token: more are counted for nobody. */
const MAX_GATHERED = 1_000;
export const MAX_CONSUMERS_PER_TOKEN = 200;

interface Seen {
  readonly token: string;
  readonly address: string;
  readonly userAgent: string;
  firstAt: number;
  lastAt: number;
  uses: number;
  failures: number;
  lastFailureAt: number | null;
  lastFailure: string | null;
}

/** Who uses which token from where, gathered so that a request costs no write (A3). */
export class Consumers {
  readonly #db: Kysely<RotationTables>;
  readonly #setTimer: SetTimer;
  readonly #onLost: (cause: unknown) => void;
  readonly #gathered = new Map<string, Seen>();
  #cancel: (() => void) | undefined;

  constructor(db: Kysely<RotationTables>, setTimer: SetTimer, onLost: (cause: unknown) => void) {
    this.#db = db;
    this.#setTimer = setTimer;
    this.#onLost = onLost;
  }

  used(token: string, peer: PeerFacts, at: number): void {
    const seen = this.#seen(token, peer, at);
    if (seen === undefined) return;
    seen.uses += 1;
    seen.lastAt = at;
  }

  /** A request with this token was refused: the client should be told, or it should not have it. */
  failed(token: string, peer: PeerFacts, at: number, code: string): void {
    const seen = this.#seen(token, peer, at);
    if (seen === undefined) return;
    seen.failures += 1;
    seen.lastFailureAt = at;
    seen.lastFailure = code;
  }

  async of(tokens: readonly string[]): Promise<readonly Consumer[]> {
    await this.flush();
    if (tokens.length === 0) return [];
    const rows = await this.#db
      .selectFrom('auth_consumers')
      .selectAll()
      .where('token', 'in', tokens)
      .orderBy('last_at', 'desc')
      .execute();
    return rows.map((row) => ({
      token: row.token,
      address: row.address,
      userAgent: row.user_agent,
      firstAt: row.first_at,
      lastAt: row.last_at,
      uses: row.uses,
      failures: row.failures,
      lastFailureAt: row.last_failure_at,
      lastFailure: row.last_failure,
    }));
  }

  /** Write what was gathered. What cannot be written is reported and forgotten: it grants nothing. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const gathered = [...this.#gathered.values()];
    this.#gathered.clear();
    try {
      // One transaction: a write to disk for each would stop everybody for seconds (attack 93).
      await this.#db.transaction().execute(async (db) => {
        for (const seen of gathered) await write(db, seen);
        for (const token of new Set(gathered.map((seen) => seen.token))) await trim(db, token);
      });
    } catch (cause) {
      this.#onLost(cause);
    }
  }

  #seen(token: string, peer: PeerFacts, at: number): Seen | undefined {
    const userAgent = safeUserAgent(peer.userAgent);
    const key = `${token}\n${peer.address}\n${userAgent}`;
    const known = this.#gathered.get(key);
    if (known !== undefined) return known;
    if (this.#gathered.size >= MAX_GATHERED) return undefined;
    const { address } = peer;
    const counts = { uses: 0, failures: 0, lastFailureAt: null, lastFailure: null };
    const fresh: Seen = { token, address, userAgent, firstAt: at, lastAt: at, ...counts };
    this.#gathered.set(key, fresh);
    this.#cancel ??= this.#setTimer(CONSUMER_FLUSH_MS, () => void this.flush());
    return fresh;
  }
}

async function write(db: Kysely<RotationTables>, seen: Seen): Promise<void> {
  const { token, address, firstAt, lastAt, uses, failures, lastFailureAt, lastFailure } = seen;
  await db
    .insertInto('auth_consumers')
    .values({
      token,
      address,
      user_agent: seen.userAgent,
      first_at: firstAt,
      last_at: lastAt,
      uses,
      failures,
      last_failure_at: lastFailureAt,
      last_failure: lastFailure,
    })
    .onConflict((conflict) =>
      conflict.columns(['token', 'address', 'user_agent']).doUpdateSet({
        last_at: lastAt,
        uses: sql<number>`uses + ${uses}`,
        failures: sql<number>`failures + ${failures}`,
        ...(lastFailureAt === null ? {} : { last_failure_at: lastFailureAt, last_failure: lastFailure }),
      }),
    )
    .execute();
}

/** User agents are free to invent: whoever holds a token must not fill the disk with them. */
async function trim(db: Kysely<RotationTables>, token: string): Promise<void> {
  await sql`delete from auth_consumers where token = ${token} and rowid not in
    (select rowid from auth_consumers where token = ${token}
     order by last_at desc limit ${MAX_CONSUMERS_PER_TOKEN})`.execute(db);
}
