import type { Kysely, Selectable } from 'kysely';
import type { Clock, Random } from '../../kernel/index.ts';
import { ADMISSION_CODES, SENDERS_CODES } from './codes.ts';
import type { PairingTable, SenderTables } from './tables.ts';
import type { InboundFacts, PendingPairing } from './types.ts';

/** Milliseconds that a code can be answered. */
export const PAIRING_MS = 3_600_000;
/** Milliseconds that somebody who was turned down is not offered a new code. */
export const PAIRING_DENIED_MS = 86_400_000;
export const MAX_PENDING_PAIRINGS = 3;
export const PAIRING_CODE_LENGTH = 8;
/** Letters and digits that nobody mistakes for one another: no I, O, 0 or 1. 32 of them, so a byte's low bits choose evenly. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** Characters of a display name that are kept. */
const MAX_DISPLAY_NAME = 100;

export type PairingOffer =
  | { readonly kind: 'new'; readonly pending: PendingPairing }
  | { readonly kind: 'silent'; readonly code: (typeof ADMISSION_CODES)[keyof typeof ADMISSION_CODES] };

function pendingOf(row: Selectable<PairingTable>): PendingPairing {
  const { code, channel, account, sender, created_at, expires_at } = row;
  return {
    code,
    channel,
    account,
    sender,
    displayName: row.display_name,
    createdAt: created_at,
    expiresAt: expires_at,
  };
}

/** A name as people may see it: one line, bounded, without control, format or bidirectional characters (attack 74). */
export function plainName(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '')
    .slice(0, MAX_DISPLAY_NAME);
}

/**
 * Pairing codes (S2). A code authorises nothing: it is how an operator, who holds a credential, names the stranger
 * that a person vouched for. Hence it may be listed, and guessing one needs the operator's rights already.
 */
export class Pairings {
  readonly #db: Kysely<SenderTables>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(db: Kysely<SenderTables>, clock: Clock, random: Random) {
    this.#db = db;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * A code for a stranger, once. At most three wait per channel, so that a crowd of strangers costs nothing; an
   * operator who is kept waiting by such a crowd uses `senders allow`.
   */
  offer(facts: InboundFacts): Promise<PairingOffer> {
    const now = this.#clock.now();
    const { channel, account, sender } = facts;
    return this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('sender_pairings').where('expires_at', '<=', now).execute();
      const waiting = await tx
        .selectFrom('sender_pairings')
        .select(['account', 'sender', 'status'])
        .where('channel', '=', channel)
        .execute();
      const own = waiting.find((row) => row.account === account && row.sender === sender);
      if (own !== undefined) {
        const code = own.status === 'denied' ? ADMISSION_CODES.pairingDenied : ADMISSION_CODES.pairingPending;
        return { kind: 'silent', code };
      }
      const pendingNow = waiting.filter((row) => row.status === 'pending').length;
      if (pendingNow >= MAX_PENDING_PAIRINGS) return { kind: 'silent', code: ADMISSION_CODES.pairingFull };
      const row = {
        code: this.#code(),
        channel,
        account,
        sender,
        display_name: plainName(facts.displayName),
        status: 'pending' as const,
        created_at: now,
        expires_at: now + PAIRING_MS,
      };
      await tx.insertInto('sender_pairings').values(row).execute();
      return { kind: 'new', pending: pendingOf(row) };
    });
  }

  async pending(channel?: string): Promise<readonly PendingPairing[]> {
    const rows = await this.#db
      .selectFrom('sender_pairings')
      .selectAll()
      .where('status', '=', 'pending')
      .where('expires_at', '>', this.#clock.now())
      .$if(channel !== undefined, (query) => query.where('channel', '=', channel ?? ''))
      .orderBy('created_at')
      .execute();
    return rows.map(pendingOf);
  }

  /** @throws SENDERS_PAIRING_UNKNOWN */
  async find(code: string): Promise<PendingPairing> {
    const wanted = code.trim().toUpperCase();
    const row = (await this.pending()).find((pending) => pending.code === wanted);
    if (row === undefined) throw SENDERS_CODES.error('SENDERS_PAIRING_UNKNOWN');
    return row;
  }

  /** Use the code up. @returns whether this call did; two at the same moment approve once */
  async remove(code: string): Promise<boolean> {
    const result = await this.#db.deleteFrom('sender_pairings').where('code', '=', code).executeTakeFirst();
    return result.numDeletedRows > 0n;
  }

  /** Remember for a day that a person said no. */
  async deny(code: string): Promise<void> {
    const expires = this.#clock.now() + PAIRING_DENIED_MS;
    await this.#db
      .updateTable('sender_pairings')
      .set({ status: 'denied', expires_at: expires })
      .where('code', '=', code)
      .execute();
  }

  /** The sender was let in or put out in another way. */
  async forget(channel: string, account: string, sender: string): Promise<void> {
    await this.#db
      .deleteFrom('sender_pairings')
      .where('channel', '=', channel)
      .where('account', '=', account)
      .where('sender', '=', sender)
      .execute();
  }

  #code(): string {
    return [...this.#random.bytes(PAIRING_CODE_LENGTH)].map((byte) => ALPHABET.charAt(byte & 31)).join('');
  }
}

/** What the stranger is told: how to be let in, and nothing about the agent or the machine. */
export function pairingReply({ channel, sender, code }: PendingPairing): string {
  return [
    'This assistant does not know you yet.',
    `Your ${channel} id: ${sender}`,
    `Pairing code: ${code}`,
    'Give the code to the person who runs it. It works once and for one hour.',
  ].join('\n');
}
