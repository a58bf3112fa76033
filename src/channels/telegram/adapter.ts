import type { Api } from 'grammy';
import { asGatehouseError, GatehouseError, type Logger } from '../../kernel/index.ts';
import { CHANNEL_CODES } from '../codes.ts';
import type { ChannelAdapter, ChannelHost, OutboundMessage, SendResult } from '../types.ts';
import { type BotIdentity, translate } from './translate.ts';

export interface TelegramSettings {
  readonly account: string;
  /** Without a slash at its end. */
  readonly apiRoot: string;
  /** What stands for the bot token; egress puts the token in, for this host only. */
  readonly tokenPlaceholder: string;
  /** Present for webhook mode: where Telegram delivers, and what stands for the secret token. */
  readonly webhook?: { readonly url: string; readonly secretPlaceholder: string };
}

export interface TelegramParts {
  readonly settings: TelegramSettings;
  /** A fetch whose requests go through egress. */
  readonly fetch: typeof fetch;
  readonly logger: Logger;
  readonly onState: (problem: GatehouseError | undefined) => void;
  /** Something was delivered that is no message. */
  readonly onMalformed: (reason: string) => void;
  /** Resolves after so many milliseconds, or at once when the signal ends. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Seconds that Telegram holds a poll open. */
const POLL_SECONDS = 30;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;

/** Telegram over the Bot API, by long polling or by webhook. Translates; decides nothing. */
export class TelegramAdapter implements ChannelAdapter {
  readonly channel = 'telegram';
  readonly account: string;
  readonly #parts: TelegramParts;
  #api: Api | undefined;
  #bot: BotIdentity | undefined;
  #host: ChannelHost | undefined;

  constructor(parts: TelegramParts) {
    this.#parts = parts;
    this.account = parts.settings.account;
  }

  get mode(): string {
    return this.#parts.settings.webhook === undefined ? 'polling' : 'webhook';
  }

  async start(host: ChannelHost, signal: AbortSignal): Promise<void> {
    this.#host = host;
    void this.#live(signal);
  }

  async stop(): Promise<void> {
    this.#host = undefined;
  }

  async send(message: OutboundMessage, signal: AbortSignal): Promise<SendResult> {
    try {
      const api = await this.#client();
      const replyTo = Number(message.replyTo ?? '');
      const sent = await api.sendMessage(
        message.chat.id,
        message.text,
        {
          // Telegram would fetch links to show them: text of a model must not send a request from there (attack 90).
          link_preview_options: { is_disabled: true },
          ...(Number.isSafeInteger(replyTo) && replyTo > 0
            ? { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }
            : {}),
        },
        signal as never,
      );
      return { status: 'sent', platformId: String(sent.message_id) };
    } catch (thrown) {
      return resultOf(thrown);
    }
  }

  /** One delivery of a webhook, already proven. Resolves when it is stored. */
  async deliver(update: unknown): Promise<void> {
    const [host, bot] = [this.#host, this.#bot];
    if (host === undefined || bot === undefined) throw CHANNEL_CODES.error('CHANNEL_UNREACHABLE');
    await this.#take(host, update, bot);
  }

  async #take(host: ChannelHost, update: unknown, bot: BotIdentity): Promise<void> {
    const translated = translate(update, this.account, bot);
    if (translated.kind === 'malformed') this.#parts.onMalformed(translated.reason);
    if (translated.kind === 'message') await host.receive(translated.message);
  }

  /** Poll, or keep the webhook in place, until the signal ends; what fails is tried again, slower each time. */
  async #live(signal: AbortSignal): Promise<void> {
    let wait = FIRST_RETRY_MS;
    let offset = 0;
    while (!signal.aborted) {
      try {
        const bot = await this.#identify(signal);
        if (this.#parts.settings.webhook !== undefined) {
          await this.#setWebhook(this.#parts.settings.webhook);
          this.#parts.onState(undefined);
          return;
        }
        offset = await this.#poll(bot, offset, signal);
        this.#parts.onState(undefined);
        wait = FIRST_RETRY_MS;
      } catch (thrown) {
        if (signal.aborted) return;
        const problem = problemOf(thrown);
        this.#parts.onState(problem);
        const after = Number(problem.details['retryAfterMs'] ?? 0);
        await this.#parts.pause(Math.max(after, wait), signal);
        wait = Math.min(wait * 2, MAX_RETRY_MS);
      }
    }
  }

  async #identify(signal: AbortSignal): Promise<BotIdentity> {
    if (this.#bot !== undefined) return this.#bot;
    const api = await this.#client();
    const me = await api.getMe(signal as never);
    if (this.#parts.settings.webhook === undefined) await api.deleteWebhook({}, signal as never);
    this.#bot = { id: String(me.id), username: me.username };
    return this.#bot;
  }

  /** The offset moves on only after an update is stored: until then Telegram delivers it again. */
  async #poll(bot: BotIdentity, offset: number, signal: AbortSignal): Promise<number> {
    const api = await this.#client();
    const host = this.#host;
    if (host === undefined) return offset;
    const options = { offset, timeout: POLL_SECONDS, allowed_updates: ['message'] as const };
    const updates = await api.getUpdates(options, signal as never);
    let next = offset;
    for (const update of updates) {
      await this.#take(host, update, bot);
      next = Math.max(next, update.update_id + 1);
    }
    return next;
  }

  /** Egress puts token and secret in; neither is ever in this process. */
  async #setWebhook({ url, secretPlaceholder }: NonNullable<TelegramSettings['webhook']>): Promise<void> {
    const { apiRoot, tokenPlaceholder } = this.#parts.settings;
    const query = `url=${encodeURIComponent(url)}&allowed_updates=%5B%22message%22%5D&secret_token=${secretPlaceholder}`;
    const answer = await this.#parts.fetch(`${apiRoot}/bot${tokenPlaceholder}/setWebhook?${query}`);
    const body = (await answer.json()) as { readonly ok?: boolean; readonly description?: string };
    if (body.ok !== true)
      throw CHANNEL_CODES.error('CHANNEL_UNREACHABLE', `setWebhook: ${body.description ?? answer.status}`);
  }

  /** Loaded when an account is configured: the library is not in memory otherwise. */
  async #client(): Promise<Api> {
    if (this.#api !== undefined) return this.#api;
    const { Api: BotApi } = await import('grammy/web');
    const { apiRoot, tokenPlaceholder } = this.#parts.settings;
    const options = { apiRoot, fetch: this.#fetch as never, timeoutSeconds: POLL_SECONDS + 15 };
    this.#api = new BotApi(tokenPlaceholder, options);
    return this.#api;
  }

  /** The library brings its own AbortSignal; ours is the one of the platform. */
  readonly #fetch = async (
    url: string,
    init: { readonly signal?: AbortSignal } & RequestInit,
  ): Promise<Response> => {
    const controller = new AbortController();
    const { signal, method, headers, body } = init;
    const onAbort = (): void => controller.abort();
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) controller.abort();
    try {
      return await this.#parts.fetch(url, {
        method: method ?? 'GET',
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body }),
        signal: controller.signal,
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  };
}

interface ApiFailure {
  readonly error_code?: number;
  readonly description?: string;
  readonly parameters?: { readonly retry_after?: number };
  readonly error?: unknown;
}

/** What the library throws, in our codes; descriptions of Telegram hold no token. */
function problemOf(thrown: unknown): GatehouseError {
  if (thrown instanceof GatehouseError) return thrown;
  const { error_code: code, description = '', parameters, error } = thrown as ApiFailure;
  if (error instanceof GatehouseError) return error;
  if (code === 401 || code === 404)
    return CHANNEL_CODES.error('CHANNEL_UNAUTHORIZED', undefined, { details: { retryAfterMs: 60_000 } });
  if (code === 409)
    return CHANNEL_CODES.error('CHANNEL_CONFLICT', undefined, { details: { retryAfterMs: 10_000 } });
  const retryAfterMs = (parameters?.retry_after ?? 0) * 1_000;
  if (code !== undefined)
    return CHANNEL_CODES.error('CHANNEL_UNREACHABLE', `Telegram: ${code} ${description}`, {
      details: { retryAfterMs },
    });
  return CHANNEL_CODES.error('CHANNEL_UNREACHABLE', undefined, { cause: asGatehouseError(error ?? thrown) });
}

/**
 * Telegram knows no idempotency keys: what was refused or never left is sent again, and what broke off on the way
 * may have arrived and is not.
 */
function resultOf(thrown: unknown): SendResult {
  const { error_code: code, description = '', parameters, error } = thrown as ApiFailure;
  if (code === 429)
    return { status: 'retry', afterMs: (parameters?.retry_after ?? 1) * 1_000, reason: 'too many messages' };
  if (code !== undefined && code >= 500) return { status: 'retry', afterMs: 0, reason: `Telegram: ${code}` };
  if (code !== undefined)
    return { status: 'failed', code: 'CHANNEL_SEND_REFUSED', reason: `Telegram: ${code} ${description}` };
  const cause = error instanceof GatehouseError ? error : thrown;
  const refusal = cause instanceof GatehouseError ? cause.code : '';
  // Refused before a byte left: by the policy, or because egress or the host could not be reached at all.
  const neverLeft =
    refusal.startsWith('EGRESS_') &&
    !['EGRESS_UPSTREAM_RESET', 'EGRESS_UPSTREAM_TIMEOUT', 'EGRESS_UPSTREAM_PROTOCOL'].includes(refusal);
  if (neverLeft) return { status: 'retry', afterMs: 0, reason: refusal };
  return { status: 'unknown', reason: refusal || 'the connection broke while it was being sent' };
}
