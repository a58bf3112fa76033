import { type Kysely, sql } from 'kysely';
import type { SenderRecord } from './types.ts';

/** Times are Unix milliseconds. */
export interface SenderTable {
  channel: string;
  account: string;
  sender: string;
  display_name: string;
  status: SenderRecord['status'];
  source: 'pairing' | 'operator';
  by: string;
  at: number;
}

export interface PairingTable {
  code: string;
  channel: string;
  account: string;
  sender: string;
  display_name: string;
  status: 'pending' | 'denied';
  created_at: number;
  expires_at: number;
}

export interface SenderTables {
  senders: SenderTable;
  sender_pairings: PairingTable;
}

async function createSenders(db: Kysely<unknown>): Promise<void> {
  await sql`create table senders (
    channel text not null,
    account text not null,
    sender text not null,
    display_name text not null,
    status text not null check (status in ('allowed', 'blocked')),
    source text not null check (source in ('pairing', 'operator')),
    by text not null,
    at bigint not null,
    primary key (channel, account, sender))`.execute(db);
  await sql`create table sender_pairings (
    code text primary key,
    channel text not null,
    account text not null,
    sender text not null,
    display_name text not null,
    status text not null check (status in ('pending', 'denied')),
    created_at bigint not null,
    expires_at bigint not null,
    unique (channel, account, sender))`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'senders-001-senders-and-pairings': createSenders };
