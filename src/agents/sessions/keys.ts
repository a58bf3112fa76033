import { SESSION_CODES } from '../codes.ts';

/** Bytes of a whole session key. */
export const MAX_KEY_LENGTH = 256;

const AGENT = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** Visible ASCII without quotes, slashes, spaces or anything that a terminal or a path would act on. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,191}$/;

/**
 * `main`, `name` and `agent:<id>:<name>` to the one canonical form, `agent:<id>:<name>`. A key is an address,
 * not a permission (S5). Throws SESSION_KEY_INVALID for anything else.
 */
export function canonicalKey(key: string, defaultAgent: string): string {
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) throw SESSION_CODES.error('SESSION_KEY_INVALID');
  const [agent, name] = key.startsWith('agent:') ? split(key) : [defaultAgent, key];
  if (!AGENT.test(agent) || !NAME.test(name)) throw SESSION_CODES.error('SESSION_KEY_INVALID');
  return `agent:${agent}:${name}`;
}

/** The agent that a canonical key names. */
export function agentOfKey(canonical: string): string {
  return split(canonical)[0];
}

function split(key: string): readonly [agent: string, name: string] {
  const rest = key.slice('agent:'.length);
  const colon = rest.indexOf(':');
  return colon < 0 ? [rest, ''] : [rest.slice(0, colon), rest.slice(colon + 1)];
}
