import type { Kysely, Selectable } from 'kysely';
import type { SenderTable, SenderTables } from './tables.ts';
import type { SenderKey, SenderRecord } from './types.ts';

function recordOf(row: Selectable<SenderTable>): SenderRecord {
  const { channel, account, sender, status, source, by, at } = row;
  return { channel, account, sender, displayName: row.display_name, status, source, by, at };
}

/** Who was let in or put out by a person. Read for every message, so that another process's change counts at once. */
export class SenderStore {
  readonly #db: Kysely<SenderTables>;

  constructor(db: Kysely<SenderTables>) {
    this.#db = db;
  }

  async find({ channel, account, sender }: SenderKey): Promise<SenderRecord | undefined> {
    const row = await this.#db
      .selectFrom('senders')
      .selectAll()
      .where('channel', '=', channel)
      .where('account', '=', account)
      .where('sender', '=', sender)
      .executeTakeFirst();
    return row === undefined ? undefined : recordOf(row);
  }

  async list(channel?: string): Promise<readonly SenderRecord[]> {
    const rows = await this.#db
      .selectFrom('senders')
      .selectAll()
      .$if(channel !== undefined, (query) => query.where('channel', '=', channel ?? ''))
      .orderBy('channel')
      .orderBy('account')
      .orderBy('sender')
      .execute();
    return rows.map(recordOf);
  }

  async remove({ channel, account, sender }: SenderKey): Promise<void> {
    await this.#db
      .deleteFrom('senders')
      .where('channel', '=', channel)
      .where('account', '=', account)
      .where('sender', '=', sender)
      .execute();
  }

  async save(record: SenderRecord & { readonly source: 'pairing' | 'operator' }): Promise<void> {
    const { channel, account, sender, displayName, status, source, by, at } = record;
    const values = { display_name: displayName, status, source, by, at };
    await this.#db
      .insertInto('senders')
      .values({ channel, account, sender, ...values })
      .onConflict((conflict) => conflict.columns(['channel', 'account', 'sender']).doUpdateSet(values))
      .execute();
  }
}
