import { isFields, paramError } from './fields.ts';

interface Line {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** A caller's transcript, in the terms of agent.run. */
export interface Conversation {
  /** The caller's system messages. They speak as a user, under a label: the agent's own prompt is not replaced. */
  readonly instructions: readonly Line[];
  readonly history: readonly Line[];
  readonly message: string;
}

/** Messages of one transcript; their check costs time that every other caller waits for. */
export const MAX_MESSAGES = 1_000;

const INSTRUCTIONS = '[Instructions from the caller of this API]';
const TOOL_RESULT = '[Tool result from the caller of this API]';

/**
 * Split a transcript into what was said before and what is said now, which is the last message and must be a user's.
 *
 * @throws HTTP_FIELD_INVALID naming the message that cannot be used
 */
export function readConversation(messages: unknown): Conversation {
  if (!Array.isArray(messages) || messages.length === 0)
    throw paramError('messages', 'must be a non-empty array');
  if (messages.length > MAX_MESSAGES) throw paramError('messages', `must hold at most ${MAX_MESSAGES}`);
  const instructions: Line[] = [];
  const lines: Line[] = [];
  messages.forEach((message: unknown, i) => {
    const line = readMessage(message, `messages[${i}]`);
    if (isInstruction(message)) instructions.push(line);
    else if (line.content !== '') lines.push(line);
  });
  const last = lines.pop();
  if (last === undefined || last.role !== 'user')
    throw paramError('messages', 'the last message must be a user message');
  return { instructions, history: lines, message: last.content };
}

function isInstruction(message: unknown): boolean {
  return isFields(message) && (message['role'] === 'system' || message['role'] === 'developer');
}

function readMessage(message: unknown, at: string): Line {
  if (!isFields(message)) throw paramError(at, 'must be an object');
  const text = readContent(message['content'] ?? '', `${at}.content`);
  switch (message['role']) {
    case 'system':
    case 'developer':
      return { role: 'user', content: `${INSTRUCTIONS}\n${text}` };
    case 'user':
      if (text === '') throw paramError(`${at}.content`, 'must not be empty');
      return { role: 'user', content: text };
    case 'assistant':
      return { role: 'assistant', content: text };
    case 'tool':
    case 'function':
      return { role: 'user', content: `${TOOL_RESULT}\n${text}` };
    default:
      throw paramError(`${at}.role`, 'must be system, developer, user, assistant or tool');
  }
}

function readContent(content: unknown, at: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw paramError(at, 'must be a string or an array of text parts');
  return content
    .map((part: unknown, i) => {
      const isText = isFields(part) && part['type'] === 'text' && typeof part['text'] === 'string';
      if (!isText) throw paramError(`${at}[${i}]`, 'only text parts are supported');
      return part['text'];
    })
    .join('\n');
}
