import type { TurnEvent } from '../../../agents/types.ts';
import { assistantMessage, historyRow } from '../rows.ts';

/** One event frame to be, with what a connection needs to receive it. */
export interface OutgoingEvent {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly scope: string;
  /** Needs this capability (protocol a.8). */
  readonly capability?: string;
  /** `sessions`: only to subscribers of the list; `messages`: only to subscribers of this session. */
  readonly audience?: 'sessions' | 'messages';
  readonly sessionKey?: string;
  readonly runId?: string;
}

interface Shaper {
  agent(stream: string, data: Readonly<Record<string, unknown>>, capability?: string): OutgoingEvent;
  chat(fields: Readonly<Record<string, unknown>>): OutgoingEvent;
  changed(fields: Readonly<Record<string, unknown>>): OutgoingEvent;
}

/** `chat` and `agent` share one counter per run: each source event yields an even and an odd number. */
function shaper(event: TurnEvent): Shaper {
  const { runId, sessionKey, sessionId, agent: agentId, seq, at } = event;
  const common = { scope: 'operator.read', sessionKey, runId };
  return {
    agent: (stream, data, capability) => ({
      ...common,
      event: 'agent',
      payload: { runId, sessionKey, sessionId, agentId, seq: seq * 2, stream, ts: at, data },
      ...(capability === undefined ? {} : { capability }),
    }),
    chat: (fields) => ({
      ...common,
      event: 'chat',
      payload: { runId, sessionKey, agentId, seq: seq * 2 + 1, ...fields },
    }),
    changed: (fields) => ({
      ...common,
      event: 'sessions.changed',
      payload: { sessionKey, agentId, ts: at, ...fields },
      audience: 'sessions',
    }),
  };
}

function usageOf(event: Extract<TurnEvent, { type: 'finished' }>) {
  const { inputTokens, outputTokens } = event.usage;
  return { input: inputTokens, output: outputTokens, totalTokens: inputTokens + outputTokens };
}

/** A turn's events in OpenClaw's words (protocol c.1, c.2); several frames or none. */
export function turnEvents(event: TurnEvent): readonly OutgoingEvent[] {
  const { agent, chat, changed } = shaper(event);
  switch (event.type) {
    case 'started':
      return [
        agent('lifecycle', { phase: 'start', startedAt: event.at }),
        changed({ phase: 'start', runId: event.runId }),
      ];
    case 'status':
      return [chat({ state: 'status', phase: event.phase })];
    case 'model':
      return [agent('lifecycle', { phase: 'model', provider: event.provider, model: event.model })];
    case 'text':
      return [
        agent('assistant', { text: event.text, delta: event.delta }),
        chat({ state: 'delta', deltaText: event.delta, message: assistantMessage(event.text, event.at) }),
      ];
    case 'tool.requested':
      return [
        agent(
          'tool',
          { phase: 'start', name: event.tool, toolCallId: event.callId, args: event.args },
          'tool-events',
        ),
        agent('item', {
          itemId: event.callId,
          toolCallId: event.callId,
          name: event.tool,
          kind: 'tool',
          phase: 'start',
          title: event.tool,
          status: event.effect === 'deny' ? 'blocked' : 'running',
          decision: { effect: event.effect, code: event.code, rule: event.rule, reason: event.reason },
        }),
      ];
    case 'tool.approval':
      return [chat({ state: 'status', phase: 'waiting_approval', approvalId: event.approvalId })];
    case 'tool.started':
      return [];
    case 'tool.output':
      return [
        agent(
          'tool',
          { phase: 'update', toolCallId: event.callId, partialResult: event.chunk },
          'tool-events',
        ),
      ];
    case 'tool.finished':
      return [
        agent(
          'tool',
          {
            phase: 'result',
            name: event.tool,
            toolCallId: event.callId,
            isError: event.isError,
            result: { content: [{ type: 'text', text: event.text }] },
          },
          'tool-events',
        ),
      ];
    case 'message':
      return [messageEvent(event)];
    case 'taint':
      return [];
    case 'finished':
      return [
        agent('lifecycle', { phase: 'end', endedAt: event.at }),
        chat({
          state: 'final',
          message: assistantMessage(event.text, event.at),
          stopReason: event.stopReason,
          usage: usageOf(event),
        }),
        changed({ phase: 'end', runId: event.runId }),
      ];
    case 'aborted':
      return [
        agent('lifecycle', { phase: 'end', endedAt: event.at, aborted: true }),
        chat({ state: 'aborted', message: assistantMessage(event.text, event.at), stopReason: 'rpc' }),
        changed({ phase: 'end', runId: event.runId }),
      ];
    case 'failed':
      return [
        agent('lifecycle', { phase: 'error', error: event.message, endedAt: event.at }),
        chat({
          state: 'error',
          errorMessage: `${event.code}: ${event.message}`,
          errorKind: event.errorKind,
          errorDetail: { code: event.code, fix: event.fix },
        }),
        changed({ phase: 'error', runId: event.runId }),
      ];
  }
}

function messageEvent(event: Extract<TurnEvent, { type: 'message' }>): OutgoingEvent {
  const { message, sessionKey, sessionId, agent: agentId } = event;
  return {
    event: 'session.message',
    scope: 'operator.read',
    audience: 'messages',
    sessionKey,
    runId: event.runId,
    payload: {
      sessionKey,
      agentId,
      sessionId,
      messageId: message.id,
      messageSeq: message.seq,
      message: historyRow(message),
      updatedAt: event.at,
    },
  };
}
