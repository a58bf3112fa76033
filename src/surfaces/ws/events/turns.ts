import type { TurnEvent } from '../../../agents/types.ts';
import { assistantMessage, historyRow } from '../rows.ts';
import type { OutgoingEvent } from './outgoing.ts';

/** Phases that clients know; for the others they show what they last knew (protocol c.1). */
const PHASES: Readonly<Record<Extract<TurnEvent, { type: 'status' }>['phase'], string | undefined>> = {
  preparing_context: 'preparing_context',
  compacting: 'preparing_context',
  starting_model: 'starting_model',
  retrying: 'starting_model',
  waiting_approval: undefined,
};

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
    case 'status': {
      const phase = PHASES[event.phase];
      return phase === undefined ? [] : [chat({ state: 'status', phase })];
    }
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
      return [
        agent('approval', {
          phase: 'requested',
          approvalId: event.approvalId,
          toolCallId: event.callId,
          expiresAtMs: event.expiresAt,
        }),
      ];
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
          errorMessage: `${event.code}: ${event.message}. ${event.fix}`,
          errorKind: event.errorKind,
          errorDetail: { providerRuntimeFailureKind: event.code },
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
