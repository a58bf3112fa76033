import { type Clock, GatehouseError } from '../../kernel/index.ts';
import { CHANNEL_CODES } from '../codes.ts';
import type { ChannelAdapter, ChannelHost, ChannelSecrets, OutboundMessage, SendResult } from '../types.ts';
import { readHead, signedBytes, translateDelivery } from './delivery.ts';

export interface WebhookParts {
  readonly account: string;
  /** Name of the secret that the source signs with. */
  readonly secret: string;
  /** Where answers go; absent leaves them in the session. */
  readonly callbackUrl?: string;
  readonly secrets: ChannelSecrets;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/** A program that sends signed messages (Standard Webhooks), and may be sent the answers the same way. */
export class WebhookAdapter implements ChannelAdapter {
  readonly channel = 'webhook';
  readonly mode = 'webhook';
  readonly account: string;
  readonly #parts: WebhookParts;
  #host: ChannelHost | undefined;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    this.account = parts.account;
  }

  get reachesPeople(): boolean {
    return this.#parts.callbackUrl !== undefined;
  }

  async start(host: ChannelHost): Promise<void> {
    this.#host = host;
  }

  async stop(): Promise<void> {
    this.#host = undefined;
  }

  /**
   * One delivery. Resolves when it is stored; false when it was stored before, which is how a replay ends.
   *
   * @throws CHANNEL_SIGNATURE_INVALID, CHANNEL_TIMESTAMP_INVALID, CHANNEL_MESSAGE_MALFORMED, EGRESS_UNAVAILABLE
   */
  async deliver(
    headers: Readonly<Record<string, string | readonly string[] | undefined>>,
    body: Buffer,
  ): Promise<boolean> {
    const { secret, secrets, clock, account } = this.#parts;
    const host = this.#host;
    if (host === undefined) throw CHANNEL_CODES.error('CHANNEL_UNREACHABLE');
    const head = readHead(headers, clock.now());
    const data = signedBytes(head.id, head.timestamp, body);
    if (!(await secrets.verify(secret, 'hmac-sha256', data, head.signatures))) {
      throw CHANNEL_CODES.error('CHANNEL_SIGNATURE_INVALID');
    }
    return host.receive(translateDelivery(head, body, account));
  }

  /** The id stays over every attempt, so that the receiver can drop what it has. */
  async send(message: OutboundMessage, signal: AbortSignal): Promise<SendResult> {
    const { callbackUrl, secrets, secret, clock, fetch } = this.#parts;
    if (callbackUrl === undefined) return { status: 'sent', platformId: message.id };
    try {
      const timestamp = String(Math.floor(clock.now() / 1_000));
      const body = Buffer.from(JSON.stringify({ type: 'message', id: message.id, text: message.text }));
      const mac = await secrets.mac(secret, signedBytes(message.id, timestamp, body));
      const answer = await fetch(callbackUrl, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': message.id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${mac}`,
        },
        body,
        signal,
      });
      await answer.body?.cancel();
      if (answer.status < 300) return { status: 'sent', platformId: message.id };
      const reason = `the callback answered ${answer.status}`;
      if (answer.status === 429 || answer.status >= 500) return { status: 'retry', afterMs: 0, reason };
      return { status: 'failed', code: 'CHANNEL_SEND_REFUSED', reason };
    } catch (thrown) {
      return {
        status: 'retry',
        afterMs: 0,
        reason: thrown instanceof GatehouseError ? thrown.code : 'no answer',
      };
    }
  }
}
