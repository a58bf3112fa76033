import type { MessagePart, SessionRow, SessionStatus, StoredMessage } from '../../agents/types.ts';

const STATUS: Readonly<Record<SessionStatus, string | undefined>> = {
  idle: undefined,
  running: 'running',
  waiting: 'running',
  done: 'done',
  failed: 'failed',
  interrupted: 'failed',
  aborted: 'killed',
};

/** `provider/model` in its two parts; what a model is called may hold further slashes. */
export function modelName(reference: string): { readonly provider: string; readonly model: string } {
  const slash = reference.indexOf('/');
  if (slash < 0) return { provider: '', model: reference };
  return { provider: reference.slice(0, slash), model: reference.slice(slash + 1) };
}

/** A session as OpenClaw's clients list it (protocol b.4); `usual` is its agent's model, for sessions without a choice. */
export function sessionRow(row: SessionRow, usual = '') {
  const { provider, model } = modelName(row.model ?? usual);
  const status = STATUS[row.status];
  return {
    key: row.key,
    kind: 'direct',
    sessionId: row.sessionId,
    agentId: row.agent,
    updatedAt: row.updatedAt,
    ...(row.label === null ? {} : { label: row.label, displayName: row.label }),
    ...(row.lastMessagePreview === null ? {} : { lastMessagePreview: row.lastMessagePreview }),
    ...(status === undefined ? {} : { status }),
    hasActiveRun: row.activeRunId !== null,
    activeRunIds: row.activeRunId === null ? [] : [row.activeRunId],
    ...(provider === '' ? {} : { modelProvider: provider, model }),
    inputTokens: row.inputTokens,
    outputTokens: row.outputTokens,
    totalTokens: row.inputTokens + row.outputTokens,
    ...(row.thinkingLevel === null ? {} : { thinkingLevel: row.thinkingLevel }),
    ...(row.verboseLevel === null ? {} : { verboseLevel: row.verboseLevel }),
    archived: row.archived,
    pinned: row.pinned,
  };
}

function block(part: MessagePart) {
  if (part.type === 'text') return { type: 'text', text: part.text };
  return { type: 'toolCall', id: part.id, name: part.name, arguments: part.arguments };
}

/** A message as OpenClaw's history has it (protocol b.3). */
export function historyRow(message: StoredMessage) {
  const own = { timestamp: message.at, __openclaw: { id: message.id, seq: message.seq } };
  switch (message.role) {
    case 'user':
      return { role: 'user', content: message.content.map(block), ...own };
    case 'assistant':
      return { role: 'assistant', content: message.content.map(block), ...own };
    case 'toolResult':
      return {
        role: 'toolResult',
        toolCallId: message.toolCallId,
        toolName: message.toolName,
        content: [{ type: 'text', text: message.content }],
        isError: message.isError,
        ...own,
      };
    case 'summary':
      return { role: 'assistant', content: [{ type: 'text', text: `[summary] ${message.content}` }], ...own };
  }
}

/** The readable text of a message. */
export function plainText(message: StoredMessage): string {
  if (typeof message.content === 'string') return message.content;
  return message.content.map((part) => (part.type === 'text' ? part.text : `[${part.name}]`)).join('');
}

/** The smallest assistant message that clients render (protocol c.1). */
export function assistantMessage(text: string, at: number) {
  return { role: 'assistant', content: [{ type: 'text', text }], timestamp: at };
}
