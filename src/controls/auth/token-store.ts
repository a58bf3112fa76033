import { CompiledQuery, type Kysely, type Selectable } from 'kysely';
import type { Use } from './last-use.ts';
import { PrincipalStore } from './principals/store.ts';
import type { PrincipalTables } from './principals/tables.ts';
import { commonScopes, expandScopes } from './scopes.ts';
import type { AuthTables, TokenTable } from './tables.ts';
import type { Principal, PrincipalRecord, Scope, TokenSummary } from './types.ts';

export interface StoredToken {
  readonly summary: TokenSummary;
  readonly kind: 'token' | 'device';
  readonly principal: string;
  readonly digest: string;
  readonly deviceId: string | null;
  /** As it was issued; `summary` is that within what its principal may do now. */
  readonly stored: TokenSummary;
  readonly version: number;
  readonly family: string;
  readonly sunsetAt: number | null;
  readonly canary: readonly string[] | null;
  /** What bounds it besides itself; null for a token that is its own principal. */
  readonly bound: PrincipalBound | null;
}

/** A stored principal as far as it bounds a token. `missing`: it was removed, so the token is of no use. */
export type PrincipalBound =
  | 'missing'
  | Pick<PrincipalRecord, 'addresses' | 'expiresAt' | 'disabledAt' | 'name'>;

/** A list as it was stored. Anything else reads as empty, which permits nothing. */
export function readList(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function readScopes(text: string): readonly Scope[] {
  return expandScopes(readList(text));
}

/** When the token stops by itself: its expiry or the end of its rotation, in Unix milliseconds. */
export function endOf({ summary, sunsetAt }: StoredToken): number | null {
  const ends = [summary.expiresAt, sunsetAt].filter((at) => at !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** Whom a token speaks for, with everything it may do. */
export function principalOf(token: StoredToken): Principal {
  const { id, name, scopes, agents } = token.summary;
  return { id: token.principal, name, kind: 'token', scopes, agents, credentialId: id };
}

/** A token within what its principal may do now; never more than either (A2). */
function within(token: StoredToken, principal: PrincipalRecord | undefined): StoredToken {
  if (principal === undefined) return { ...token, bound: 'missing' };
  const { stored } = token;
  const ends = [stored.expiresAt, principal.expiresAt].filter((at) => at !== null);
  return {
    ...token,
    bound: principal,
    summary: {
      ...stored,
      scopes: commonScopes(stored.scopes, principal.scopes),
      agents: commonAgents(stored.agents, principal.agents),
      expiresAt: ends.length === 0 ? null : Math.min(...ends),
    },
  };
}

function commonAgents(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.includes('*')) return b;
  return b.includes('*') ? a : a.filter((agent) => b.includes(agent));
}

function fromRow(row: Selectable<TokenTable>): StoredToken {
  const summary: TokenSummary = summaryOf(row);
  return {
    bound: null,
    stored: summary,
    version: row.version,
    family: row.family ?? row.id,
    sunsetAt: row.sunset_at,
    canary: row.canary === null ? null : readList(row.canary),
    kind: row.kind,
    principal: row.principal,
    digest: row.digest,
    deviceId: row.device_id,
    summary,
  };
}

function summaryOf(row: Selectable<TokenTable>): TokenSummary {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    principal: row.principal,
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
  };
}

/** The tokens table. Read at every login and never cached, so that a revocation elsewhere counts at once (A4). */
export class TokenStore {
  readonly #db: Kysely<AuthTables>;
  readonly #principals: PrincipalStore;

  constructor(db: Kysely<AuthTables>) {
    this.#db = db;
    this.#principals = new PrincipalStore(db as unknown as Kysely<PrincipalTables>);
  }

  async #bounded(row: Selectable<TokenTable>): Promise<StoredToken> {
    const token = fromRow(row);
    const isOwn = !token.principal.startsWith('principal:') || token.kind === 'device';
    return isOwn ? token : within(token, await this.#principals.find(token.principal));
  }

  async find(id: string): Promise<StoredToken | undefined> {
    // Asked at every request: as text, because building the query anew costs more than running it.
    const query = CompiledQuery.raw('select * from auth_tokens where id = ?', [id]);
    const [row] = (await this.#db.executeQuery<Selectable<TokenTable>>(query)).rows;
    return row === undefined ? undefined : this.#bounded(row);
  }

  /** The token that has this digest, of any kind and however it ended. */
  async findByDigest(digest: string): Promise<StoredToken | undefined> {
    const row = await this.#db
      .selectFrom('auth_tokens')
      .selectAll()
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? undefined : this.#bounded(row);
  }

  /** The newest live version. */
  async findLiveByName(name: string): Promise<StoredToken | undefined> {
    const row = await this.#db
      .selectFrom('auth_tokens')
      .selectAll()
      .where('name', '=', name)
      .where('kind', '=', 'token')
      .where('revoked_at', 'is', null)
      .orderBy('version', 'desc')
      .executeTakeFirst();
    return row === undefined ? undefined : this.#bounded(row);
  }

  async list(): Promise<readonly TokenSummary[]> {
    const rows = await this.#db
      .selectFrom('auth_tokens')
      .selectAll()
      .where('kind', '=', 'token')
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    return Promise.all(rows.map(async (row) => (await this.#bounded(row)).summary));
  }

  async insert(token: StoredToken): Promise<void> {
    const { stored: summary } = token;
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
        version: token.version,
        family: token.family,
        sunset_at: token.sunsetAt,
        canary: token.canary === null ? null : JSON.stringify(token.canary),
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

  /** Live tokens of a stored principal. */
  async liveOf(principal: string): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('auth_tokens')
      .select('id')
      .where('principal', '=', principal)
      .where('revoked_at', 'is', null)
      .execute();
    return rows.map(({ id }) => id);
  }

  /** Families that still have a version that is not revoked. */
  async liveFamilies(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#db
      .selectFrom('auth_tokens')
      .select(['id', 'family', 'revoked_at'])
      .where('kind', '=', 'token')
      .execute();
    const live = new Set(rows.filter((row) => row.revoked_at === null).map((row) => row.family ?? row.id));
    return new Map(
      rows.map((row) => [row.id, row.family ?? row.id] as const).filter(([, one]) => live.has(one)),
    );
  }

  /** Remove every version of a name that is revoked, and what was kept about its use. */
  async forget(name: string): Promise<void> {
    const ids = this.#db
      .selectFrom('auth_tokens')
      .select('id')
      .where('name', '=', name)
      .where('kind', '=', 'token')
      .where('revoked_at', 'is not', null);
    await this.#db.deleteFrom('auth_consumers').where('token', 'in', ids).execute();
    await this.#db.deleteFrom('auth_rotations').where('new_token', 'in', ids).execute();
    await this.#db.deleteFrom('auth_tokens').where('id', 'in', ids).execute();
  }

  async setSunset(id: string, at: number | null): Promise<void> {
    await this.#db.updateTable('auth_tokens').set({ sunset_at: at }).where('id', '=', id).execute();
  }

  async setCanary(id: string, blocks: readonly string[] | null): Promise<void> {
    const canary = blocks === null ? null : JSON.stringify(blocks);
    await this.#db.updateTable('auth_tokens').set({ canary }).where('id', '=', id).execute();
  }

  async revokeOfDevice(deviceId: string, at: number): Promise<void> {
    await this.#db
      .updateTable('auth_tokens')
      .set({ revoked_at: at })
      .where('device_id', '=', deviceId)
      .where('revoked_at', 'is', null)
      .execute();
  }

  /** One write to disk for all of them. */
  async recordUses(uses: readonly (readonly [id: string, use: Use])[]): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      for (const [id, { at, from }] of uses) {
        await db
          .updateTable('auth_tokens')
          .set({ last_used_at: at, last_used_from: from })
          .where('id', '=', id)
          .execute();
      }
    });
  }
}
