import type { Kysely } from 'kysely';
import { CONFIG_CODES } from '../codes.ts';
import type { ConfigSnapshot } from '../types.ts';
import type { ConfigTables } from './tables.ts';

/** Snapshots that are kept; older ones are dropped, their numbers are never used again. */
export const MAX_SNAPSHOTS = 500;

/** A snapshot with what it takes to go back to it. */
export interface StoredSnapshot extends ConfigSnapshot {
  readonly config: string;
  readonly playbooks: Readonly<Record<string, string>>;
  /** `policy/egress.yaml`; null when there was none. */
  readonly egress: string | null;
}

export type NewSnapshot = Omit<StoredSnapshot, 'number'>;

const SUMMARY = ['number', 'hash', 'at', 'author', 'ticket', 'reason'] as const;

/** Applied configurations, by number (D4). */
export class SnapshotStore {
  readonly #db: Kysely<ConfigTables>;

  constructor(db: Kysely<ConfigTables>) {
    this.#db = db;
  }

  async add({ playbooks, ...snapshot }: NewSnapshot): Promise<ConfigSnapshot> {
    const summary = await this.#db
      .insertInto('config_snapshots')
      .values({ ...snapshot, playbooks: JSON.stringify(playbooks) })
      .returning(SUMMARY)
      .executeTakeFirstOrThrow();
    await this.#db
      .deleteFrom('config_snapshots')
      .where('number', '<=', summary.number - MAX_SNAPSHOTS)
      .execute();
    return summary;
  }

  async latest(): Promise<ConfigSnapshot | undefined> {
    return this.#db
      .selectFrom('config_snapshots')
      .select(SUMMARY)
      .orderBy('number', 'desc')
      .limit(1)
      .executeTakeFirst();
  }

  /** Newest first. */
  async list(): Promise<readonly ConfigSnapshot[]> {
    return this.#db.selectFrom('config_snapshots').select(SUMMARY).orderBy('number', 'desc').execute();
  }

  /** @throws CONFIG_SNAPSHOT_UNKNOWN */
  async get(number: number): Promise<StoredSnapshot> {
    const row = await this.#db
      .selectFrom('config_snapshots')
      .selectAll()
      .where('number', '=', number)
      .executeTakeFirst();
    if (row === undefined) throw CONFIG_CODES.error('CONFIG_SNAPSHOT_UNKNOWN');
    return { ...row, playbooks: JSON.parse(row.playbooks) as Readonly<Record<string, string>> };
  }
}

/** One text of a snapshot, for people and for differences. */
export function snapshotText({
  config,
  playbooks,
  egress,
}: Pick<StoredSnapshot, 'config' | 'playbooks' | 'egress'>): string {
  const parts = [config.trimEnd()];
  if (egress !== null) parts.push('# policy/egress.yaml', egress.trimEnd());
  for (const name of Object.keys(playbooks).sort()) {
    parts.push(`# playbooks/${name}.yaml`, (playbooks[name] ?? '').trimEnd());
  }
  return `${parts.join('\n')}\n`;
}
