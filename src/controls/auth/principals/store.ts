import type { Kysely, Selectable } from 'kysely';
import { AUTH_CODES } from '../codes.ts';
import type { IdentityKind, PrincipalDirectory } from '../identities/types.ts';
import { expandScopes } from '../scopes.ts';
import type { Identity, PrincipalRecord } from '../types.ts';
import type { PrincipalTable, PrincipalTables } from './tables.ts';

function listOf(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Stored principals. Read at every login and never cached, so that a change elsewhere counts at once (A4). */
export class PrincipalStore implements PrincipalDirectory {
  readonly #db: Kysely<PrincipalTables>;

  constructor(db: Kysely<PrincipalTables>) {
    this.#db = db;
  }

  async find(idOrName: string): Promise<PrincipalRecord | undefined> {
    const row = await this.#db
      .selectFrom('auth_principals')
      .selectAll()
      .where((match) => match.or([match('id', '=', idOrName), match('name', '=', idOrName)]))
      .executeTakeFirst();
    return row === undefined ? undefined : this.#record(row);
  }

  async byIdentity(kind: IdentityKind, value: string): Promise<PrincipalRecord | undefined> {
    const row = await this.#db
      .selectFrom('auth_identities')
      .select('principal')
      .where('kind', '=', kind)
      .where('value', '=', value)
      .executeTakeFirst();
    return row === undefined ? undefined : this.find(row.principal);
  }

  async list(): Promise<readonly PrincipalRecord[]> {
    const rows = await this.#db.selectFrom('auth_principals').selectAll().orderBy('name').execute();
    return Promise.all(rows.map((row) => this.#record(row)));
  }

  /** @throws AUTH_PRINCIPAL_TAKEN for the name, AUTH_IDENTITY_TAKEN for one of the identities; then nothing is stored */
  async add(record: PrincipalRecord): Promise<void> {
    const { id, name, kind, owner, ticket, createdAt, expiresAt } = record;
    await this.#db.transaction().execute(async (tx) => {
      const known = await tx
        .selectFrom('auth_principals')
        .select('id')
        .where('name', '=', name)
        .executeTakeFirst();
      if (known !== undefined) throw AUTH_CODES.error('AUTH_PRINCIPAL_TAKEN');
      const row = {
        id,
        name,
        kind,
        owner,
        ticket,
        scopes: JSON.stringify(record.scopes),
        agents: JSON.stringify(record.agents),
        addresses: JSON.stringify(record.addresses),
        created_at: createdAt,
        expires_at: expiresAt,
        disabled_at: null,
      };
      await tx.insertInto('auth_principals').values(row).execute();
      for (const identity of record.identities) await bindIn(tx, id, identity);
    });
  }

  /** @throws AUTH_IDENTITY_TAKEN when it is somebody else's */
  bind(id: string, identity: Identity): Promise<void> {
    return this.#db.transaction().execute((tx) => bindIn(tx, id, identity));
  }

  async unbind({ kind, value }: Identity): Promise<void> {
    await this.#db
      .deleteFrom('auth_identities')
      .where('kind', '=', kind)
      .where('value', '=', value)
      .execute();
  }

  async disable(id: string, at: number | null): Promise<void> {
    await this.#db.updateTable('auth_principals').set({ disabled_at: at }).where('id', '=', id).execute();
  }

  /** Remove somebody who is disabled, and what stood for them. */
  async forget(id: string): Promise<void> {
    await this.#db.deleteFrom('auth_identities').where('principal', '=', id).execute();
    await this.#db
      .deleteFrom('auth_principals')
      .where('id', '=', id)
      .where('disabled_at', 'is not', null)
      .execute();
  }

  async #record(row: Selectable<PrincipalTable>): Promise<PrincipalRecord> {
    const identities = await this.#db
      .selectFrom('auth_identities')
      .select(['kind', 'value'])
      .where('principal', '=', row.id)
      .orderBy('kind')
      .orderBy('value')
      .execute();
    return {
      id: row.id,
      name: row.name,
      kind: row.kind,
      owner: row.owner,
      ticket: row.ticket,
      scopes: expandScopes(listOf(row.scopes)),
      agents: listOf(row.agents),
      addresses: listOf(row.addresses),
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      disabledAt: row.disabled_at,
      identities,
    };
  }
}

async function bindIn(
  tx: Kysely<PrincipalTables>,
  principal: string,
  { kind, value }: Identity,
): Promise<void> {
  const known = await tx
    .selectFrom('auth_identities')
    .select('principal')
    .where('kind', '=', kind)
    .where('value', '=', value)
    .executeTakeFirst();
  if (known?.principal === principal) return;
  if (known !== undefined) throw AUTH_CODES.error('AUTH_IDENTITY_TAKEN');
  await tx.insertInto('auth_identities').values({ kind, value, principal }).execute();
}
