import type { TrafficTable } from './tables.ts';
import type { TrafficRecord } from './types.ts';

export const HOUR_MS = 3_600_000;

/** Different destinations that one agent is remembered as refused for in one hour; a flood becomes one line (attack 94). */
export const MAX_REFUSED_HOSTS = 1_000;
/** What stands for destinations beyond that, and for what was no destination at all. */
export const OTHERS = '(others)';
export const MALFORMED = '(malformed)';
const MAX_HOST = 253;

function text(value: unknown, otherwise: string, most = 256): string {
  return typeof value === 'string' && value !== '' ? value.slice(0, most) : otherwise;
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0;
}

/** What one record adds; undefined when it says nothing about traffic. */
export function tallied(record: TrafficRecord): TrafficTable | undefined {
  const { type, action, outcome, code, rule, data = {}, at, subject } = record;
  if (type !== 'egress' || (action !== 'net.connect' && action !== 'net.closed')) return undefined;
  // A check by an operator is a question, not traffic.
  if (data['via'] === 'check') return undefined;
  const opened = action === 'net.connect';
  const effect = !opened || outcome === 'allow' ? 'allow' : outcome === 'ask' ? 'ask' : 'deny';
  return {
    hour: Math.floor(at / HOUR_MS),
    agent: text(subject?.agent, '(gateway)'),
    host: text(data['host'], MALFORMED, MAX_HOST),
    port: amount(data['port']),
    class: text(data['class'], effect === 'allow' ? 'other' : 'none', 20),
    rule: text(rule, '(none)'),
    grant_id: text(data['grant'], ''),
    effect,
    // How a connection ended is not why it was let in.
    code: opened && effect !== 'allow' ? text(code, 'unknown', 100) : '',
    connections: opened ? 1 : 0,
    sent: opened ? 0 : amount(data['sent']),
    received: opened ? 0 : amount(data['received']),
  };
}

export function keyOf(row: TrafficTable): string {
  const { hour, agent, host, port, class: kind, rule, grant_id, effect, code } = row;
  return JSON.stringify([hour, agent, host, port, kind, rule, grant_id, effect, code]);
}
