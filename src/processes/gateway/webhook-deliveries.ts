import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  CHANNEL_CODES,
  MAX_DELIVERY_BYTES,
  type TelegramAdapter,
  type WebhookAdapter,
} from '../../channels/index.ts';
import type { ChannelSecrets } from '../../channels/types.ts';
import type { PeerFacts } from '../../controls/auth/types.ts';
import { asGatehouseError, GatehouseError, type Logger } from '../../kernel/index.ts';

/** Where deliveries of one account arrive, and how they are proven. */
export type Delivery =
  | { readonly path: string; readonly kind: 'signed'; readonly adapter: WebhookAdapter }
  | {
      readonly path: string;
      readonly kind: 'telegram';
      readonly secret: string;
      readonly adapter: TelegramAdapter;
    };

export interface DeliveryParts {
  readonly auth: { recordRefusal(code: string, peer: PeerFacts): void };
  readonly secrets: ChannelSecrets;
  readonly logger: Logger;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: PeerFacts;
}

/** Prove a delivery, store it, and only then say that it arrived. A refusal says no more than that. */
export async function takeDelivery(
  parts: DeliveryParts,
  deliveries: readonly Delivery[],
  { request, response, peer }: Exchange,
): Promise<void> {
  try {
    const path = (request.url ?? '').split('?', 1)[0];
    const delivery = deliveries.find((one) => one.path === path);
    if (delivery === undefined) return answer(response, 404);
    if (request.method !== 'POST') return answer(response.setHeader('allow', 'POST'), 405);
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return answer(response, 415);
    // Before a byte of the body is read: whoever does not know the secret costs nothing.
    if (delivery.kind === 'telegram') await proveTelegram(parts, delivery.secret, request);
    const body = await readBody(request);
    if (delivery.kind === 'telegram') {
      await delivery.adapter.deliver(parsed(body));
      return answer(response, 200);
    }
    // A replay of a delivery that was taken is told the same as the first: senders repeat what they did not hear about.
    await delivery.adapter.deliver(request.headers, body);
    answer(response, 202);
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    const isKnown = thrown instanceof GatehouseError;
    if (isKnown && error.status < 500) parts.auth.recordRefusal(error.code, peer);
    else parts.logger.error('a delivery could not be taken', { code: error.code, cause: String(thrown) });
    if (!request.complete) response.setHeader('connection', 'close');
    answer(response, error.status, error.code);
  }
}

async function proveTelegram(
  { secrets }: DeliveryParts,
  secret: string,
  request: IncomingMessage,
): Promise<void> {
  const shown = request.headers['x-telegram-bot-api-secret-token'];
  const isRight =
    typeof shown === 'string' &&
    shown.length <= 256 &&
    (await secrets.verify(secret, 'equal', new Uint8Array(), [shown]));
  if (!isRight)
    throw CHANNEL_CODES.error(
      'CHANNEL_SIGNATURE_INVALID',
      'the secret token of the webhook is missing or wrong',
    );
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_DELIVERY_BYTES) throw CHANNEL_CODES.error('CHANNEL_MESSAGE_TOO_LARGE');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw CHANNEL_CODES.error('CHANNEL_MESSAGE_MALFORMED', undefined, { cause });
  }
}

function answer(response: ServerResponse, status: number, code?: string): void {
  if (response.headersSent) return;
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(code === undefined ? { ok: status < 300 } : { ok: false, error: { code } }));
}
