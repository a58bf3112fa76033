import type { InboundMessage } from '../types.ts';

/** Characters of one message that are looked at; Telegram's own bound is 4096. */
const MAX_TEXT = 8_192;

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** Ids are integers of up to 52 bits (Bot API, "User"); anything else is none. */
function id(value: unknown): string | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value !== 0 ? String(value) : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

/** Who the bot is, as getMe says. */
export interface BotIdentity {
  readonly id: string;
  readonly username: string;
}

function isAddressed(message: Json, body: string, bot: BotIdentity): boolean {
  const replied = object(message['reply_to_message']);
  if (id(object(replied?.['from'])?.['id']) === bot.id) return true;
  const entities = message['entities'] ?? message['caption_entities'];
  const name = `@${bot.username.toLowerCase()}`;
  return (Array.isArray(entities) ? entities : []).some((one) => {
    const entity = object(one);
    const { type, offset, length } = entity ?? {};
    if (type === 'text_mention') return id(object(entity?.['user'])?.['id']) === bot.id;
    if (typeof offset !== 'number' || typeof length !== 'number') return false;
    const part = body.slice(offset, offset + length).toLowerCase();
    if (type === 'mention') return part === name;
    return type === 'bot_command' && part.endsWith(name);
  });
}

export type Translated =
  | { readonly kind: 'message'; readonly message: InboundMessage }
  /** Nothing that is answered: an edit, a member who joined, a picture without words. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * One update of the Bot API as an envelope. Only `message` counts: edits, channel posts and reactions are not
 * messages to the agent. People are named by their numeric id; user names and display names are for show (S4).
 */
export function translate(update: unknown, account: string, bot: BotIdentity): Translated {
  const whole = object(update);
  const updateId = whole?.['update_id'];
  if (whole === undefined || typeof updateId !== 'number' || !Number.isSafeInteger(updateId)) {
    return { kind: 'malformed', reason: 'no update_id' };
  }
  const message = object(whole['message']);
  if (message === undefined) return { kind: 'ignored' };
  const [chat, from] = [object(message['chat']), object(message['from'])];
  const [chatId, sender] = [id(chat?.['id']), id(from?.['id'])];
  const type = chat?.['type'];
  const isDirect = type === 'private';
  if (chatId === undefined || (!isDirect && type !== 'group' && type !== 'supergroup')) {
    return { kind: 'ignored' };
  }
  if (sender === undefined) return { kind: 'malformed', reason: 'no sender' };
  if (from?.['is_bot'] === true) return { kind: 'ignored' };
  const body = text(message['text'] ?? message['caption']);
  if (body.trim() === '') return { kind: 'ignored' };
  const date = message['date'];
  const name = [from?.['first_name'], from?.['last_name']]
    .filter((part) => typeof part === 'string')
    .join(' ');
  return {
    kind: 'message',
    message: {
      channel: 'telegram',
      account,
      platformId: String(updateId),
      sender,
      displayName: name,
      chat: { kind: isDirect ? 'direct' : 'group', id: chatId },
      mentioned: isDirect || isAddressed(message, body, bot),
      text: body,
      sentAt: typeof date === 'number' && date > 0 ? date * 1_000 : 0,
      messageId: id(message['message_id']) ?? '',
    },
  };
}
