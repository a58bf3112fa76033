import type { Kysely, Selectable } from 'kysely';
import { expandScopes } from './scopes.ts';
import type { AuthTables, TokenTable } from './tables.ts';
import type { Principal, Scope, TokenSummary } from './types.ts';

export interface StoredToken {
  readonly summary: TokenSummary;
  readonly kind: 'token' | 'device';
  readonly principal: string;
  readonly digest: string;
  readonly deviceId: string | null;
}

/** A list as it was stored. Anything else reads as empty, which permits nothing. */
export function readList(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function readScopes(text: string): readonly Scope[] {
  return expandScopes(readList(text));
}

/** Whom a token speaks for, with everything it may do. */
export function principalOf(token: StoredToken): Principal {
  const { id, name, scopes, agents } = token.summary;
  return { id: token.principal, name, kind: 'token', scopes, agents, credentialId: id };
}

function fromRow(row: Selectable<TokenTable>): StoredToken {
  return {
    kind: row.kind,
    principal: row.principal,
    digest: row.digest,
    deviceId: row.device_id,
    summary: {
      id: row.id,
      name: row.name,
      scopes: readScopes(row.scopes),
      agents: readList(row.agents),
      addresses: readList(row.addresses),
      owner: row.owner,
      ticket: row.ticket,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
      lastUsedAt: row.last_used_at,
      lastUsedFrom: row.last_used_from,
    },
  };
}

/** The tokens table. Read at every login and never cached, so that a revocation elsewhere counts at once (A4). */
export class TokenStore {
  readonly #db: Kysely<AuthTables>;

  constructor(db: Kysely<AuthTables>) {
    this.#db = db;
  }

  async find(id: string): Promise<StoredToken | undefined> {
    const row = await this.#db.selectFrom('auth_tokens').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : fromRow(row);
  }

  async findLiveByName(name: string): Promise<StoredToken | undefined> {
    const row = await this.#db
      .selectFrom('auth_tokens')
      .selectAll()
      .where('name', '=', name)
      .where('kind', '=', 'token')
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    return row === undefined ? undefined : fromRow(row);
  }

  async list(): Promise<readonly TokenSummary[]> {
    const rows = await this.#db
      .selectFrom('auth_tokens')
      .selectAll()
      .where('kind', '=', 'token')
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    return rows.map((row) => fromRow(row).summary);
  }

  async insert(token: StoredToken): Promise<void> {
    const { summary } = token;
    await this.#db
      .insertInto('auth_tokens')
      .values({
        id: summary.id,
        kind: token.kind,
        name: summary.name,
        principal: token.principal,
        digest: token.digest,
        scopes: JSON.stringify(summary.scopes),
        agents: JSON.stringify(summary.agents),
        addresses: JSON.stringify(summary.addresses),
        owner: summary.owner,
        ticket: summary.ticket,
        created_at: summary.createdAt,
        expires_at: summary.expiresAt,
        revoked_at: null,
        last_used_at: null,
        last_used_from: null,
        device_id: token.deviceId,
      })
      .execute();
  }

  /** Mark as revoked for good; the first time stands. */
  async revoke(id: string, at: number): Promise<void> {
    await this.#db
      .updateTable('auth_tokens')
      .set({ revoked_at: at })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .execute();
  }

  async revokeOfDevice(deviceId: string, at: number): Promise<void> {
    await this.#db
      .updateTable('auth_tokens')
      .set({ revoked_at: at })
      .where('device_id', '=', deviceId)
      .where('revoked_at', 'is', null)
      .execute();
  }

  async recordUse(id: string, at: number, from: string): Promise<void> {
    await this.#db
      .updateTable('auth_tokens')
      .set({ last_used_at: at, last_used_from: from })
      .where('id', '=', id)
      .execute();
  }
}
