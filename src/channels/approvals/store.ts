import type { Kysely, Selectable } from 'kysely';
import type { SenderKey } from '../../controls/senders/types.ts';
import type { OutboxRow } from '../store.ts';
import type { ChannelTables, QuestionTable } from '../tables.ts';

export type QuestionRow = Selectable<QuestionTable>;

/** Milliseconds that an ended question is kept, so that its code is still known as used. */
const KEPT_MS = 7 * 86_400_000;

/** Questions that were asked in chats. A code is stored as its digest, and used by one statement. */
export class QuestionStore {
  readonly #db: Kysely<ChannelTables>;

  constructor(db: Kysely<ChannelTables>) {
    this.#db = db;
  }

  /** A question and the messages that ask it, in one step. What was asked before of this sender is `replaced`. */
  async ask(
    questions: readonly QuestionRow[],
    messages: readonly OutboxRow[],
    replaced: readonly string[] = [],
  ): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      if (replaced.length > 0) {
        await tx
          .updateTable('channel_questions')
          .set({ status: 'void' })
          .where('code', 'in', replaced)
          .where('status', '=', 'open')
          .execute();
      }
      if (questions.length > 0)
        await tx
          .insertInto('channel_questions')
          .values([...questions])
          .execute();
      if (messages.length > 0)
        await tx
          .insertInto('channel_outbox')
          .values([...messages])
          .execute();
    });
  }

  /** Everything that is known of one sender. */
  of({ channel, account, sender }: SenderKey): Promise<readonly QuestionRow[]> {
    return this.#db
      .selectFrom('channel_questions')
      .selectAll()
      .where('channel', '=', channel)
      .where('account', '=', account)
      .where('sender', '=', sender)
      .execute();
  }

  open(): Promise<readonly QuestionRow[]> {
    return this.#db.selectFrom('channel_questions').selectAll().where('status', '=', 'open').execute();
  }

  /** Use a code for one message; the same message again gets the same answer, as after a crash. */
  async use(code: string, message: string): Promise<boolean> {
    const result = await this.#db
      .updateTable('channel_questions')
      .set({ status: 'used', used_by: message })
      .where('code', '=', code)
      .where((match) => match.or([match('status', '=', 'open'), match('used_by', '=', message)]))
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** End questions, and say so in the same step. */
  async end(codes: readonly string[], messages: readonly OutboxRow[]): Promise<void> {
    await this.ask([], messages, codes);
  }

  /**
   * Whether every message of a question reached the platform. Of the last one its code is proof, which stands behind the
   * whole text and nowhere else: who writes it has read it, though the platform has not confirmed it to us yet.
   */
  async wasShown(notice: string): Promise<boolean> {
    const rows = await this.#db
      .selectFrom('channel_outbox')
      .select('status')
      .where('id', '>=', `${noticePrefix(notice)}`)
      .where('id', '<', `${noticePrefix(notice)}~`)
      .orderBy('id')
      .execute();
    const last = rows.pop()?.status;
    return rows.every(({ status }) => status === 'sent') && (last === 'sent' || last === 'sending');
  }

  async forgetOld(now: number): Promise<void> {
    await this.#db
      .deleteFrom('channel_questions')
      .where('status', '!=', 'open')
      .where('created_at', '<', now - KEPT_MS)
      .execute();
  }
}

const PREFIX = 'approval:';

/** Ids of the messages that ask a question begin with this. */
export function noticePrefix(notice: string): string {
  return `${PREFIX}${notice}:`;
}

/** Whether a message on its way out is a question, or says how one ended: only approvers may see it. */
export function isNotice(id: string): boolean {
  return id.startsWith(PREFIX);
}
