import type { Kysely, Selectable } from 'kysely';
import type { Rotation } from '../types.ts';
import type { RotationTable, RotationTables } from './tables.ts';

function rotationOf(row: Selectable<RotationTable>): Rotation {
  return {
    id: row.id,
    name: row.name,
    oldToken: row.old_token,
    newToken: row.new_token,
    startedAt: row.started_at,
    sunsetAt: row.sunset_at,
    ticket: row.ticket,
    owner: row.owner,
    by: row.by,
    status: row.status,
    endedAt: row.ended_at,
  };
}

/** Rotations, running and ended. */
export class RotationStore {
  readonly #db: Kysely<RotationTables>;

  constructor(db: Kysely<RotationTables>) {
    this.#db = db;
  }

  async running(): Promise<readonly Rotation[]> {
    const rows = await this.#db
      .selectFrom('auth_rotations')
      .selectAll()
      .where('status', '=', 'running')
      .orderBy('sunset_at')
      .execute();
    return rows.map(rotationOf);
  }

  async runningOf(name: string): Promise<Rotation | undefined> {
    return (await this.running()).find((rotation) => rotation.name === name);
  }

  async list(): Promise<readonly Rotation[]> {
    const rows = await this.#db.selectFrom('auth_rotations').selectAll().orderBy('started_at').execute();
    return rows.map(rotationOf);
  }

  async insert(rotation: Rotation): Promise<void> {
    await this.#db
      .insertInto('auth_rotations')
      .values({
        id: rotation.id,
        name: rotation.name,
        old_token: rotation.oldToken,
        new_token: rotation.newToken,
        started_at: rotation.startedAt,
        sunset_at: rotation.sunsetAt,
        ticket: rotation.ticket,
        owner: rotation.owner,
        by: rotation.by,
        status: rotation.status,
        ended_at: rotation.endedAt,
      })
      .execute();
  }

  async end(id: string, status: 'done' | 'aborted', at: number): Promise<void> {
    await this.#db.updateTable('auth_rotations').set({ status, ended_at: at }).where('id', '=', id).execute();
  }
}
