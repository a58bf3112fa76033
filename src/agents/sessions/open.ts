import type { BigIntStats } from 'node:fs';
import type { Kysely, Selectable } from 'kysely';
import type { Clock, Random } from '../../kernel/index.ts';
import type { SessionRow } from '../types.ts';
import { agentOfKey } from './keys.ts';
import { toSession } from './rows.ts';
import type { SessionTables } from './tables.ts';

export interface SessionStoreOptions {
  readonly db: Kysely<SessionTables>;
  readonly clock: Clock;
  readonly random: Random;
  /** A file that was changed and put back as it was by Gatehouse itself, whoever ran meanwhile. */
  readonly untouched?: (path: string, stat: BigIntStats) => boolean;
}

type Ports = Pick<SessionStoreOptions, 'clock' | 'random'>;

/** The row a key leads to now. */
export function currentRow(db: Kysely<SessionTables>, space: string, key: string) {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('space', '=', space)
    .where('key', '=', key)
    .where('is_current', '=', 1)
    .executeTakeFirst();
}

/** The existing session of a canonical key, or a new one. Runs inside the caller's transaction. */
export async function openSession(
  db: Kysely<SessionTables>,
  ports: Ports,
  space: string,
  key: string,
): Promise<SessionRow> {
  const existing = await currentRow(db, space, key);
  return existing === undefined ? insertSession(db, ports, space, key, true) : toSession(existing);
}

/** A new session row; `kept` false makes one that no key leads to, for a run without a conversation. */
export async function insertSession(
  db: Kysely<SessionTables>,
  ports: Ports,
  space: string,
  key: string,
  kept: boolean,
): Promise<SessionRow> {
  const now = ports.clock.now();
  const row: Selectable<SessionTables['sessions']> = {
    session_id: ports.random.uuid(),
    space,
    key,
    agent: agentOfKey(key),
    is_current: kept ? 1 : 0,
    label: null,
    status: 'idle',
    created_at: now,
    updated_at: now,
    message_count: 0,
    preview: null,
    taint: '[]',
    model: null,
    thinking_level: null,
    verbose_level: null,
    archived: 0,
    pinned: 0,
    input_tokens: 0,
    output_tokens: 0,
    active_run_id: null,
  };
  await db.insertInto('sessions').values(row).execute();
  return toSession(row);
}
