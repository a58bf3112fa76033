import { CHANNEL_CODES } from '../codes.ts';
import type { InboundMessage } from '../types.ts';

/** Milliseconds that a delivery may be old, or from the future (Standard Webhooks, "Verifying webhooks"). */
export const TIMESTAMP_WINDOW_MS = 300_000;
export const MAX_DELIVERY_BYTES = 256 * 1024;
const MAX_TEXT = 65_536;
const ID = /^[A-Za-z0-9._:-]{1,200}$/;

export interface DeliveryHead {
  readonly id: string;
  /** Unix seconds, as signed. */
  readonly timestamp: string;
  /** Base64 signatures of version 1; one of them must be right. */
  readonly signatures: readonly string[];
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The three headers of the Standard Webhooks specification, each exactly once.
 *
 * @throws CHANNEL_SIGNATURE_INVALID, CHANNEL_TIMESTAMP_INVALID
 */
export function readHead(headers: Headers, now: number): DeliveryHead {
  const one = (name: string): string => {
    const value = headers[name];
    if (typeof value !== 'string' || value === '')
      throw CHANNEL_CODES.error('CHANNEL_SIGNATURE_INVALID', `${name} is missing`);
    return value;
  };
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(one) as [
    string,
    string,
    string,
  ];
  if (!ID.test(id)) throw CHANNEL_CODES.error('CHANNEL_SIGNATURE_INVALID', 'webhook-id is not a plain id');
  if (!/^[1-9]\d{0,11}$/.test(timestamp)) throw CHANNEL_CODES.error('CHANNEL_TIMESTAMP_INVALID');
  if (Math.abs(now - Number(timestamp) * 1_000) > TIMESTAMP_WINDOW_MS)
    throw CHANNEL_CODES.error('CHANNEL_TIMESTAMP_INVALID');
  const signatures = signature
    .split(' ', 10)
    .filter((part) => /^v1,[A-Za-z0-9+/]{43}=$/.test(part))
    .map((part) => part.slice(3));
  if (signatures.length === 0)
    throw CHANNEL_CODES.error('CHANNEL_SIGNATURE_INVALID', 'no signature of version 1');
  return { id, timestamp, signatures };
}

/** The bytes that are signed. */
export function signedBytes(id: string, timestamp: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
}

/**
 * A proven delivery as an envelope. The sender is the source itself: what its content says of a person is content.
 *
 * @throws CHANNEL_MESSAGE_MALFORMED
 */
export function translateDelivery(head: DeliveryHead, body: Buffer, account: string): InboundMessage {
  const parsed = parse(body);
  const said = parsed['text'] ?? parsed['message'];
  const text = typeof said === 'string' ? said : JSON.stringify(parsed);
  if (text.trim() === '')
    throw CHANNEL_CODES.error('CHANNEL_MESSAGE_MALFORMED', 'the delivery holds no text');
  return {
    channel: 'webhook',
    account,
    platformId: head.id,
    sender: account,
    displayName: account,
    chat: { kind: 'direct', id: account },
    mentioned: true,
    text: text.slice(0, MAX_TEXT),
    sentAt: Number(head.timestamp) * 1_000,
    messageId: head.id,
  };
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (cause) {
    throw CHANNEL_CODES.error('CHANNEL_MESSAGE_MALFORMED', 'the delivery is no JSON in UTF-8', { cause });
  }
  throw CHANNEL_CODES.error('CHANNEL_MESSAGE_MALFORMED', 'the delivery is no JSON object');
}
