/** How a platform names people and groups for good. */
interface IdShape {
  readonly sender: RegExp;
  readonly chat: RegExp;
  /** Prefixes that operators write in front of an id, with the colon. */
  readonly prefixes: readonly string[];
  readonly hint: string;
}

const SHAPES: Readonly<Record<string, IdShape>> = {
  telegram: {
    sender: /^[1-9]\d{0,18}$/,
    chat: /^-?[1-9]\d{0,18}$/,
    prefixes: ['telegram:', 'tg:'],
    hint: 'a Telegram user id is a number such as 123456789; the pairing request shows it',
  },
  webhook: {
    sender: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    chat: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    prefixes: ['webhook:'],
    hint: 'a webhook sender is the name of its account: letters, digits, dots, dashes',
  },
};

/** Visible ASCII without what separates a list, marks a name that people choose, or means something to a key. */
const PLAIN: IdShape = {
  sender: /^[A-Za-z0-9+][A-Za-z0-9._:+-]{0,99}$/,
  chat: /^[A-Za-z0-9+-][A-Za-z0-9._:+-]{0,99}$/,
  prefixes: [],
  hint: 'use the id that the platform gives the account, not its name',
};

function shapeOf(channel: string): IdShape {
  return SHAPES[channel] ?? PLAIN;
}

function bare(shape: IdShape, text: string): string {
  const prefix = shape.prefixes.find((known) => text.toLowerCase().startsWith(known));
  return prefix === undefined ? text : text.slice(prefix.length);
}

/**
 * The stable id that a text names on this platform, or undefined when it is none: a name, several ids in one text,
 * or characters that only look like digits (S4, attack 82).
 */
export function senderId(channel: string, text: string): string | undefined {
  const shape = shapeOf(channel);
  const id = bare(shape, text);
  return shape.sender.test(id) ? id : undefined;
}

/** As `senderId`, for groups. */
export function chatId(channel: string, text: string): string | undefined {
  const shape = shapeOf(channel);
  const id = bare(shape, text);
  return shape.chat.test(id) ? id : undefined;
}

/** What an operator is told about ids of this platform. */
export function idHint(channel: string): string {
  return shapeOf(channel).hint;
}
