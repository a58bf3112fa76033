import { type TProperties, type TSchema, type TSchemaOptions, Type } from 'typebox';

/** Bounds of what a caller may send; longer input is refused before anything looks at it. */
export const MAX_MESSAGE_CHARS = 262_144;
const MAX_SESSION_KEY_CHARS = 256;
export const MAX_NAME_CHARS = 128;
export const MAX_TEXT_CHARS = 2_000;
const MAX_PAGE = 1_000;
export const MAX_LIST_ITEMS = 64;

/** An object with these keys and no others: an unknown key is an error, never ignored. */
export function strict<const Properties extends TProperties>(
  properties: Properties,
  options?: TSchemaOptions,
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

export const NoInput = strict({});

/** `T` or null, for values that may be absent in a result. */
export function orNull<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()]);
}

/** A short name: an id, a label, a session key. */
export function name(description: string) {
  return Type.String({ description, minLength: 1, maxLength: MAX_NAME_CHARS });
}

/** A line or a few of free text. */
export function text(description: string, maxLength = MAX_TEXT_CHARS) {
  return Type.String({ description, maxLength });
}

/** A length of time in milliseconds; the CLI takes `30s`, `5m`, `2h`, `7d`. */
export function milliseconds(description: string, maximum: number) {
  return Type.Integer({ description: `${description} In milliseconds.`, minimum: 1, maximum, unit: 'ms' });
}

/** A point in time in Unix milliseconds; the CLI takes an ISO date or a length of time ago. */
export function instant(description: string) {
  return Type.Integer({ description: `${description} In Unix milliseconds.`, minimum: 0, unit: 'unix-ms' });
}

/** How many rows to return. */
export function page(description: string, maximum = MAX_PAGE) {
  return Type.Integer({ description, minimum: 1, maximum });
}

export function names(description: string) {
  return Type.Array(name('One of them.'), { description, maxItems: MAX_LIST_ITEMS });
}

export const SessionKey = Type.String({
  description:
    'Which conversation: `main`, a name, or `agent:<agent>:<name>`. A key is an address among your own sessions.',
  minLength: 1,
  maxLength: MAX_SESSION_KEY_CHARS,
});
export const AgentId = name('Which agent; the default agent when absent.');

/** Who changes the configuration and why; kept with the snapshot. */
export const ChangeNote = {
  ticket: Type.Optional(text('Ticket or change number that this belongs to.', MAX_NAME_CHARS)),
  reason: Type.Optional(text('Why, in one line; kept with the snapshot.')),
};

/** Who caused something, as the transport proved it. */
export const SubjectSchema = strict({
  principal: Type.String(),
  credential: Type.Optional(Type.String({ description: 'Id of what proved the principal.' })),
  agent: Type.Optional(Type.String()),
  session: Type.Optional(Type.String()),
  run: Type.Optional(Type.String()),
  tool: Type.Optional(Type.String()),
  channel: Type.Optional(Type.String()),
  sender: Type.Optional(Type.String()),
});
