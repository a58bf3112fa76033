import type { MessagePart, StoredMessage } from '../types.ts';

export type ToolCallPart = Extract<MessagePart, { type: 'toolCall' }>;

/** Characters that count as one token where no tokeniser is at hand; on the careful side for English and code. */
const CHARS_PER_TOKEN = 3.5;
const TOKENS_PER_MESSAGE = 8;

/** Tokens of a text, roughly. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/** Tokens of a message, roughly. */
export function messageTokens(message: StoredMessage): number {
  if (message.role === 'toolResult' || message.role === 'summary') {
    return TOKENS_PER_MESSAGE + estimateTokens(message.content);
  }
  return message.content.reduce(
    (sum, part) =>
      sum +
      (part.type === 'text'
        ? estimateTokens(part.text)
        : estimateTokens(part.name) + estimateTokens(JSON.stringify(part.arguments) ?? '')),
    TOKENS_PER_MESSAGE,
  );
}

export function contextTokens(messages: readonly StoredMessage[]): number {
  return messages.reduce((sum, message) => sum + messageTokens(message), 0);
}

export function callsOf(message: StoredMessage): readonly ToolCallPart[] {
  if (message.role !== 'assistant') return [];
  return message.content.filter((part) => part.type === 'toolCall');
}

/** Calls of a run's last assistant message that have no result yet; another run's calls are never taken up. */
export function openCalls(messages: readonly StoredMessage[], run: string): readonly ToolCallPart[] {
  const at = messages.findLastIndex((message) => message.role === 'assistant');
  const last = messages[at];
  if (last === undefined || last.run !== run) return [];
  const answered = new Set(
    messages.slice(at + 1).flatMap((message) => (message.role === 'toolResult' ? [message.toolCallId] : [])),
  );
  return callsOf(last).filter((call) => !answered.has(call.id));
}

/**
 * The messages as every provider accepts them: each call is followed by its result, and no result stands without
 * its call. What a crash or a cut left open gets a result that says so.
 */
export function wellFormed(messages: readonly StoredMessage[]): readonly StoredMessage[] {
  const results = new Map<string, StoredMessage>();
  for (const message of messages) {
    if (message.role === 'toolResult') results.set(message.toolCallId, message);
  }
  return messages.flatMap((message): readonly StoredMessage[] => {
    if (message.role === 'toolResult') return [];
    return [message, ...callsOf(message).map((call) => results.get(call.id) ?? unanswered(message, call))];
  });
}

function unanswered(message: StoredMessage, call: ToolCallPart): StoredMessage {
  const { id, seq, at, run } = message;
  return {
    id: `${id}:${call.id}`,
    seq,
    at,
    run,
    taint: [],
    role: 'toolResult',
    toolCallId: call.id,
    toolName: call.name,
    content: 'No result is known for this call.',
    isError: true,
  };
}

/** A message with what belongs to it: an assistant's calls and their results are never torn apart. */
export function units(messages: readonly StoredMessage[]): readonly (readonly StoredMessage[])[] {
  const grouped: StoredMessage[][] = [];
  for (const message of messages) {
    const last = grouped.at(-1);
    if (message.role === 'toolResult' && last !== undefined) last.push(message);
    else grouped.push([message]);
  }
  return grouped;
}
