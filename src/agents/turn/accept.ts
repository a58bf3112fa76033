import { createHash } from 'node:crypto';
import { decide, GatehouseError } from '../../kernel/index.ts';
import { MODEL_CODES, SESSION_CODES, TURN_CODES } from '../codes.ts';
import { agentOfKey } from '../sessions/keys.ts';
import type { TurnEntry } from '../sessions/log.ts';
import type { NewMessage } from '../sessions/rows.ts';
import type { AgentPolicy, TurnRequest } from '../types.ts';
import type { TurnPorts } from './ports.ts';

/** Bytes of one message, and of a stateless run's history. */
export const MAX_MESSAGE_BYTES = 256 * 1024;
export const MAX_HISTORY_BYTES = 2 * 1024 * 1024;

/** Characters of an idempotency key. */
export const MAX_RUN_KEY = 200;

/** A request that may run. */
export interface Accepted {
  readonly entry: TurnEntry;
  readonly policy: AgentPolicy;
  readonly request: TurnRequest;
  /** Rows that the turn begins with. */
  readonly messages: readonly NewMessage[];
}

/** Check everything about a request that needs no store. Throws TURN_, SESSION_ and AUTH_ codes. */
export async function accept(ports: TurnPorts, request: TurnRequest): Promise<Accepted> {
  const key = canonical(ports, request.sessionKey);
  const agent = agentOfKey(key);
  const { idempotencyKey: run } = request;
  if (run.length > MAX_RUN_KEY || !/^[!-~]+$/.test(run)) throw TURN_CODES.error('TURN_KEY_INVALID');
  const size = Buffer.byteLength(request.message);
  if (size === 0 || size > MAX_MESSAGE_BYTES || request.message.trim() === '') {
    throw TURN_CODES.error('TURN_MESSAGE_INVALID');
  }
  const policy = await allowedAgent(ports, request, agent, key);
  if (request.model !== undefined && !policy.models.includes(request.model)) {
    throw MODEL_CODES.error('MODEL_UNKNOWN');
  }
  return { ...stored(request, agent, key), policy, request };
}

/** The canonical key, which is the only form that turns take. */
export function canonical(ports: TurnPorts, key: string): string {
  if (ports.sessions.canonicalKey(key, 'main') !== key) throw SESSION_CODES.error('SESSION_KEY_INVALID');
  return key;
}

/** The policy of an agent that this principal may use. A refusal is in the ledger. */
export async function allowedAgent(
  ports: TurnPorts,
  request: Pick<TurnRequest, 'authority' | 'subject' | 'trace' | 'idempotencyKey'>,
  agent: string,
  key: string,
): Promise<AgentPolicy> {
  const policy = ports.policyOf(agent);
  if (policy === undefined) throw TURN_CODES.error('TURN_AGENT_UNKNOWN');
  const subject = { ...request.subject, agent, session: key, run: request.idempotencyKey };
  const decision = decide(request.authority, subject, { kind: 'agent.run', agent }, ports.clock.now());
  if (decision.effect === 'allow') return policy;
  await ports.ledger.append({
    type: 'decision',
    action: 'agent.run',
    outcome: 'deny',
    code: decision.code,
    rule: decision.rule,
    subject,
    trace: request.trace,
    authorityHash: decision.authorityHash,
  });
  throw new GatehouseError(decision.code, `this credential may not use the agent ${agent}`, {
    fix: 'Ask an operator for a token that lists this agent.',
    status: 403,
    details: { rule: decision.rule },
  });
}

function stored(request: TurnRequest, agent: string, key: string) {
  const { message, subject, trace, model, taint, timeoutMs, history } = request;
  const size = history?.reduce((sum, item) => sum + Buffer.byteLength(item.content), 0) ?? 0;
  if (size > MAX_HISTORY_BYTES) throw TURN_CODES.error('TURN_MESSAGE_INVALID');
  const system = history?.filter((item) => item.role === 'system').map((item) => item.content) ?? [];
  const entry: TurnEntry = {
    runId: request.idempotencyKey,
    space: request.space,
    key,
    agent,
    digest: createHash('sha256')
      .update(JSON.stringify([key, message, history ?? null]))
      .digest('hex'),
    request: {
      message,
      subject,
      trace,
      ...(model === undefined ? {} : { model }),
      ...(taint === undefined ? {} : { taint }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
      ...(history === undefined ? {} : { detached: true }),
    },
  };
  return { entry, messages: [...earlier(history ?? []), userRow(entry.request)] };
}

export function userRow(request: TurnEntry['request']): NewMessage {
  return { role: 'user', content: [{ type: 'text', text: request.message }], taint: request.taint ?? [] };
}

function earlier(history: NonNullable<TurnRequest['history']>): readonly NewMessage[] {
  return history.flatMap((item): readonly NewMessage[] => {
    const content = [{ type: 'text', text: item.content }] as const;
    if (item.role === 'user') return [{ role: 'user', content, taint: [] }];
    return item.role === 'assistant' ? [{ role: 'assistant', content, model: 'history', taint: [] }] : [];
  });
}
