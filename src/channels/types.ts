import type { InboundFacts } from '../controls/senders/types.ts';

/** A platform's message in Gatehouse's words. Made by an adapter, which translates and decides nothing. */
export interface InboundMessage extends InboundFacts {
  /** The platform's own id of this delivery, unique per channel and account: duplicates are dropped by it. */
  readonly platformId: string;
  readonly text: string;
  /** Unix milliseconds as the platform says. */
  readonly sentAt: number;
  /** The platform's id of the message, for answers that refer to it. */
  readonly messageId: string;
}

export interface OutboundMessage {
  /** Stable over every attempt, so that a platform that knows idempotency keys sends it once. */
  readonly id: string;
  readonly channel: string;
  readonly account: string;
  readonly chat: InboundFacts['chat'];
  readonly text: string;
  readonly replyTo: string | null;
}

/** How one attempt to send ended. `unknown`: it may have arrived, so it is not sent again by itself. */
export type SendResult =
  | { readonly status: 'sent'; readonly platformId: string }
  | { readonly status: 'retry'; readonly afterMs: number; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string }
  | { readonly status: 'failed'; readonly code: string; readonly reason: string };

export interface ChannelHost {
  /**
   * Store a message. Resolves once it is on disk, and only then may the platform be told that it was received;
   * `false` when this delivery was already known.
   */
  receive(message: InboundMessage): Promise<boolean>;
}

/** One account of one platform: platform bytes ↔ envelope, nothing else. */
export interface ChannelAdapter {
  readonly channel: string;
  readonly account: string;
  /** False where what is sent goes nowhere but into the session; absent is true. */
  readonly reachesPeople?: boolean;
  /** Begin to take messages; resolves when that works, rejects with a code of CHANNEL_CODES. */
  start(host: ChannelHost, signal: AbortSignal): Promise<void>;
  send(message: OutboundMessage, signal: AbortSignal): Promise<SendResult>;
  stop(): Promise<void>;
}

/** What only egress can do with a channel's secret; the value never comes here (K2). */
export interface ChannelSecrets {
  /** Whether one of the presented values is right: the MAC of the data, or for `equal` the secret itself. */
  verify(
    secret: string,
    how: 'hmac-sha256' | 'equal',
    data: Uint8Array,
    presented: readonly string[],
  ): Promise<boolean>;
  /** HMAC-SHA256 of the data in base64. */
  mac(secret: string, data: Uint8Array): Promise<string>;
}
