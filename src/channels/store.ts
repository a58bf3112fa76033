import type { Kysely, Selectable } from 'kysely';
import type { ChannelTables, InboxTable, OutboxTable } from './tables.ts';
import type { InboundMessage } from './types.ts';

export type InboxRow = Selectable<InboxTable>;
export type OutboxRow = Selectable<OutboxTable>;

/** Lines of context that are kept for one conversation. */
export const MAX_CONTEXT_LINES = 20;
/** Milliseconds that finished rows are kept, so that a late duplicate is still known. */
const KEPT_MS = 7 * 86_400_000;

export interface AccountCounts {
  readonly channel: string;
  readonly account: string;
  readonly waiting: number;
  readonly toSend: number;
  readonly unknown: number;
  readonly failed: number;
  readonly lastReceivedAt: number | null;
}

/** Inbox and outbox. Every step of a message is one transaction, so that a crash leaves it before or after it. */
export class ChannelStore {
  readonly #db: Kysely<ChannelTables>;

  constructor(db: Kysely<ChannelTables>) {
    this.#db = db;
  }

  /** @returns false when this delivery was stored before */
  async receive(id: string, message: InboundMessage, at: number): Promise<boolean> {
    const { channel, account, platformId, chat, sender, displayName, text, messageId, sentAt } = message;
    const result = await this.#db
      .insertInto('channel_inbox')
      .values({
        id,
        channel,
        account,
        platform_id: platformId,
        chat_kind: chat.kind,
        chat_id: chat.id,
        sender,
        display_name: displayName,
        mentioned: message.mentioned ? 1 : 0,
        text,
        message_id: messageId,
        sent_at: sentAt,
        received_at: at,
        status: 'received',
        space: null,
        session_key: null,
        prompt: null,
        taint: '[]',
      })
      .onConflict((conflict) => conflict.columns(['channel', 'account', 'platform_id']).doNothing())
      .executeTakeFirst();
    return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  /** Messages whose way is not over, the oldest first. */
  open(): Promise<readonly InboxRow[]> {
    return this.#db
      .selectFrom('channel_inbox')
      .selectAll()
      .where('status', 'in', ['received', 'admitted'])
      .orderBy('received_at')
      .orderBy('id')
      .execute();
  }

  async find(id: string): Promise<InboxRow | undefined> {
    return this.#db.selectFrom('channel_inbox').selectAll().where('id', '=', id).executeTakeFirst();
  }

  /** What a stranger wrote is not kept; only that somebody did, so that the delivery stays known. */
  async refuse(id: string): Promise<void> {
    await this.#db
      .updateTable('channel_inbox')
      .set({ status: 'refused', text: '', display_name: '' })
      .where('id', '=', id)
      .execute();
  }

  async pair(id: string, reply: OutboxRow | undefined): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .updateTable('channel_inbox')
        .set({ status: 'paired', text: '' })
        .where('id', '=', id)
        .execute();
      if (reply !== undefined) await addIn(tx, reply);
    });
  }

  /** Keep a line for the next message of this conversation that is answered; the oldest go. */
  async context(id: string, space: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.updateTable('channel_inbox').set({ status: 'context', space }).where('id', '=', id).execute();
      const kept = await tx
        .selectFrom('channel_inbox')
        .select('id')
        .where('space', '=', space)
        .where('status', '=', 'context')
        .orderBy('received_at', 'desc')
        .limit(MAX_CONTEXT_LINES)
        .execute();
      await tx
        .updateTable('channel_inbox')
        .set({ status: 'used', text: '' })
        .where('space', '=', space)
        .where('status', '=', 'context')
        .where(
          'id',
          'not in',
          kept.map((row) => row.id),
        )
        .execute();
    });
  }

  contextOf(space: string): Promise<readonly InboxRow[]> {
    return this.#db
      .selectFrom('channel_inbox')
      .selectAll()
      .where('space', '=', space)
      .where('status', '=', 'context')
      .orderBy('received_at')
      .execute();
  }

  /** Fix what the agent is asked; the context that went into it is used up. */
  async admit(
    id: string,
    facts: {
      readonly space: string;
      readonly sessionKey: string;
      readonly prompt: string;
      readonly taint: readonly string[];
      readonly used: readonly string[];
    },
  ): Promise<void> {
    const { space, sessionKey, prompt, taint, used } = facts;
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .updateTable('channel_inbox')
        .set({ status: 'admitted', space, session_key: sessionKey, prompt, taint: JSON.stringify(taint) })
        .where('id', '=', id)
        .execute();
      if (used.length > 0) {
        await tx
          .updateTable('channel_inbox')
          .set({ status: 'used', text: '' })
          .where('id', 'in', used)
          .execute();
      }
    });
  }

  /** The answer and the end of the message are one step: never one without the other. */
  async answer(id: string, parts: readonly OutboxRow[]): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      for (const part of parts) await addIn(tx, part);
      await tx
        .updateTable('channel_inbox')
        .set({ status: 'answered', text: '', prompt: null })
        .where('id', '=', id)
        .execute();
    });
  }

  /** How a message of the outbox ended, or how far it is; undefined when there is none. */
  async outcome(id: string): Promise<Pick<OutboxRow, 'status' | 'reason'> | undefined> {
    return this.#db
      .selectFrom('channel_outbox')
      .select(['status', 'reason'])
      .where('id', '=', id)
      .executeTakeFirst();
  }

  async addToOutbox(row: OutboxRow): Promise<void> {
    await addIn(this.#db, row);
  }

  /** What waits to be sent, the oldest first. */
  pending(): Promise<readonly OutboxRow[]> {
    return this.#db
      .selectFrom('channel_outbox')
      .selectAll()
      .where('status', '=', 'pending')
      .orderBy('created_at')
      .orderBy('id')
      .execute();
  }

  async mark(
    id: string,
    status: OutboxRow['status'],
    more: Partial<Pick<OutboxRow, 'attempts' | 'not_before' | 'reason' | 'ended_at' | 'text'>> = {},
  ): Promise<void> {
    await this.#db
      .updateTable('channel_outbox')
      .set({ status, ...more })
      .where('id', '=', id)
      .execute();
  }

  /**
   * What was being sent when the process ended. Platforms without idempotency keys cannot be asked, so it is not sent
   * again: nobody is answered twice, and the operator is told.
   */
  async markUnknown(at: number): Promise<number> {
    const result = await this.#db
      .updateTable('channel_outbox')
      .set({ status: 'unknown', ended_at: at, reason: 'the process ended while it was being sent' })
      .where('status', '=', 'sending')
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  }

  /** Nothing more goes to somebody who was put out. */
  async drop(principal: string, at: number): Promise<void> {
    await this.#db
      .updateTable('channel_outbox')
      .set({ status: 'failed', ended_at: at, reason: 'the sender was blocked' })
      .where('principal', '=', principal)
      .where('status', '=', 'pending')
      .execute();
  }

  async forgetOld(now: number): Promise<void> {
    await this.#db
      .deleteFrom('channel_inbox')
      .where('status', 'not in', ['received', 'admitted'])
      .where('received_at', '<', now - KEPT_MS)
      .execute();
    await this.#db
      .deleteFrom('channel_outbox')
      .where('status', 'in', ['sent', 'failed', 'unknown'])
      .where('created_at', '<', now - KEPT_MS)
      .execute();
  }

  async counts(channel: string, account: string): Promise<AccountCounts> {
    const inbox = await this.#db
      .selectFrom('channel_inbox')
      .select(({ fn }) => ['status', fn.countAll<number>().as('count'), fn.max('received_at').as('last')])
      .where('channel', '=', channel)
      .where('account', '=', account)
      .groupBy('status')
      .execute();
    const outbox = await this.#db
      .selectFrom('channel_outbox')
      .select(({ fn }) => ['status', fn.countAll<number>().as('count')])
      .where('channel', '=', channel)
      .where('account', '=', account)
      .groupBy('status')
      .execute();
    const sent = (status: string) => Number(outbox.find((row) => row.status === status)?.count ?? 0);
    const waiting = inbox
      .filter(({ status }) => status === 'received' || status === 'admitted')
      .reduce((sum, { count }) => sum + Number(count), 0);
    const last = inbox.reduce((latest, row) => Math.max(latest, Number(row.last)), 0);
    return {
      channel,
      account,
      waiting,
      toSend: sent('pending') + sent('sending'),
      unknown: sent('unknown'),
      failed: sent('failed'),
      lastReceivedAt: last === 0 ? null : last,
    };
  }
}

async function addIn(db: Kysely<ChannelTables>, row: OutboxRow): Promise<void> {
  await db
    .insertInto('channel_outbox')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}
