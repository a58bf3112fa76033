import type { Insertable, Kysely, Selectable } from 'kysely';
import type { AuthTables, DeviceRequestTable, DeviceTable } from './tables.ts';
import { readScopes } from './token-store.ts';
import type { DeviceRecord, PendingDevice } from './types.ts';

export type DeviceRow = Selectable<DeviceTable>;
export type DeviceRequestRow = Selectable<DeviceRequestTable>;

export function deviceRecord(row: DeviceRow): DeviceRecord {
  return {
    deviceId: row.device_id,
    publicKey: row.public_key,
    principal: row.principal,
    displayName: row.display_name,
    platform: row.platform,
    role: row.role,
    scopes: readScopes(row.scopes),
    createdAt: row.created_at,
    approvedAt: row.approved_at,
  };
}

export function pendingDevice(row: DeviceRequestRow): PendingDevice {
  return {
    requestId: row.request_id,
    deviceId: row.device_id,
    publicKey: row.public_key,
    displayName: row.display_name,
    platform: row.platform,
    clientId: row.client_id,
    clientMode: row.client_mode,
    role: row.role,
    scopes: readScopes(row.scopes),
    remoteIp: row.remote_ip,
    reason: row.reason,
    createdAt: row.created_at,
  };
}

/** Paired devices and those that wait for approval; at most one of each per device id. */
export class DeviceStore {
  readonly #db: Kysely<AuthTables>;

  constructor(db: Kysely<AuthTables>) {
    this.#db = db;
  }

  find(deviceId: string): Promise<DeviceRow | undefined> {
    return this.#db
      .selectFrom('auth_devices')
      .selectAll()
      .where('device_id', '=', deviceId)
      .executeTakeFirst();
  }

  list(): Promise<readonly DeviceRow[]> {
    return this.#db.selectFrom('auth_devices').selectAll().orderBy('approved_at').execute();
  }

  /** Whether the device holds a token that works. */
  async hasToken(deviceId: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('auth_tokens')
      .select('id')
      .where('device_id', '=', deviceId)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Pair or change a device; its waiting request is answered by that. */
  async save(row: Insertable<DeviceTable>): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx.deleteFrom('auth_device_requests').where('device_id', '=', row.device_id).execute();
      await trx.deleteFrom('auth_devices').where('device_id', '=', row.device_id).execute();
      await trx.insertInto('auth_devices').values(row).execute();
    });
  }

  /** Forget a device and end its tokens, in one step. */
  async remove(deviceId: string, at: number): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx.deleteFrom('auth_devices').where('device_id', '=', deviceId).execute();
      await trx.deleteFrom('auth_device_requests').where('device_id', '=', deviceId).execute();
      await trx
        .updateTable('auth_tokens')
        .set({ revoked_at: at })
        .where('device_id', '=', deviceId)
        .where('revoked_at', 'is', null)
        .execute();
    });
  }

  /** Devices that can do what this token can, because its holder paired them. */
  async childrenOf(token: string): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('auth_devices')
      .select('device_id')
      .where('parent_token', '=', token)
      .execute();
    return rows.map((row) => row.device_id);
  }

  /** Requests made after `since` (Unix milliseconds), oldest first; older ones are deleted. */
  async requests(since: number): Promise<readonly DeviceRequestRow[]> {
    await this.#db.deleteFrom('auth_device_requests').where('created_at', '<=', since).execute();
    return this.#db.selectFrom('auth_device_requests').selectAll().orderBy('created_at').execute();
  }

  async saveRequest(row: DeviceRequestRow): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx.deleteFrom('auth_device_requests').where('device_id', '=', row.device_id).execute();
      await trx.insertInto('auth_device_requests').values(row).execute();
    });
  }

  /** Drop what waits on the word of a token that is no longer good. */
  async removeRequestsOf(parentToken: string): Promise<void> {
    await this.#db.deleteFrom('auth_device_requests').where('parent_token', '=', parentToken).execute();
  }

  async removeRequest(requestId: string): Promise<void> {
    await this.#db.deleteFrom('auth_device_requests').where('request_id', '=', requestId).execute();
  }
}
