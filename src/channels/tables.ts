import { type Kysely, sql } from 'kysely';

export type InboxStatus = 'received' | 'admitted' | 'context' | 'used' | 'paired' | 'refused' | 'answered';
export type OutboxStatus = 'pending' | 'sending' | 'sent' | 'unknown' | 'failed';

/** A message as it was delivered. Times are Unix milliseconds. */
export interface InboxTable {
  /** Also the id of the turn it starts, so that no message is answered by two. */
  id: string;
  channel: string;
  account: string;
  platform_id: string;
  chat_kind: 'direct' | 'group';
  chat_id: string;
  sender: string;
  display_name: string;
  mentioned: number;
  /** Emptied when the message was refused: what strangers write is not kept. */
  text: string;
  message_id: string;
  sent_at: number;
  received_at: number;
  status: InboxStatus;
  space: string | null;
  session_key: string | null;
  /** What the agent is asked, fixed when the message is admitted. */
  prompt: string | null;
  taint: string;
}

/** What goes back. The id stays the same over every attempt. */
export interface OutboxTable {
  id: string;
  channel: string;
  account: string;
  chat_kind: 'direct' | 'group';
  chat_id: string;
  principal: string;
  text: string;
  reply_to: string | null;
  status: OutboxStatus;
  attempts: number;
  not_before: number;
  created_at: number;
  ended_at: number | null;
  reason: string | null;
}

/** A code that answers approvals in one chat. */
export interface QuestionTable {
  /** SHA-256 (hex) of the code. */
  code: string;
  /** JSON array of approval ids. */
  approvals: string;
  channel: string;
  account: string;
  sender: string;
  principal: string;
  /** Which messages asked it. */
  notice: string;
  created_at: number;
  expires_at: number;
  status: 'open' | 'used' | 'void';
  /** The inbox message that used it. */
  used_by: string | null;
}

export interface ChannelTables {
  channel_questions: QuestionTable;
  channel_inbox: InboxTable;
  channel_outbox: OutboxTable;
}

async function createChannels(db: Kysely<unknown>): Promise<void> {
  await sql`create table channel_inbox (
    id text primary key,
    channel text not null,
    account text not null,
    platform_id text not null,
    chat_kind text not null,
    chat_id text not null,
    sender text not null,
    display_name text not null,
    mentioned integer not null,
    text text not null,
    message_id text not null,
    sent_at bigint not null,
    received_at bigint not null,
    status text not null,
    space text,
    session_key text,
    prompt text,
    taint text not null,
    unique (channel, account, platform_id))`.execute(db);
  await sql`create index channel_inbox_open on channel_inbox (received_at)
    where status in ('received', 'admitted')`.execute(db);
  await sql`create index channel_inbox_context on channel_inbox (space, received_at)
    where status = 'context'`.execute(db);
  await sql`create table channel_outbox (
    id text primary key,
    channel text not null,
    account text not null,
    chat_kind text not null,
    chat_id text not null,
    principal text not null,
    text text not null,
    reply_to text,
    status text not null,
    attempts integer not null,
    not_before bigint not null,
    created_at bigint not null,
    ended_at bigint,
    reason text)`.execute(db);
  await sql`create index channel_outbox_open on channel_outbox (created_at)
    where status in ('pending', 'sending')`.execute(db);
}

async function createQuestions(db: Kysely<unknown>): Promise<void> {
  await sql`create table channel_questions (
    code text primary key,
    approvals text not null,
    channel text not null,
    account text not null,
    sender text not null,
    principal text not null,
    notice text not null,
    created_at bigint not null,
    expires_at bigint not null,
    status text not null check (status in ('open', 'used', 'void')),
    used_by text)`.execute(db);
  await sql`create index channel_questions_sender on channel_questions (channel, account, sender)`.execute(
    db,
  );
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = {
  'channels-001-inbox-and-outbox': createChannels,
  'channels-002-questions': createQuestions,
};
