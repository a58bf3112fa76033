import { isIP } from 'node:net';
import type { Subject } from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import type { OcsfSource } from './source.ts';

/** Attributes of an event, or of an object in one. */
export type Attributes = Readonly<Record<string, unknown>>;

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Attributes without those that are not known: OCSF has no null. */
export function known(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** `user.type_id`: 1 a person or client, 3 the system itself. */
export function userOf(uid: string | undefined): Attributes {
  return uid === undefined
    ? { uid: 'gatehouse', name: 'gatehouse', type_id: 3, type: 'System' }
    : { uid, name: uid, type_id: 1, type: 'User' };
}

/** Who did it: the principal, the session, and the agent that acted for it. */
export function actorOf(subject: Subject | undefined): Attributes {
  return known({
    user: userOf(subject?.principal),
    session: subject?.session === undefined ? undefined : { uid: subject.session },
    app_name: subject?.agent,
  });
}

/** Where it came from: an address, or the channel, or the process of Gatehouse that wrote it. */
export function sourceEndpoint({ data, subject, writer }: LedgerRecord): Attributes {
  const address = textOf(data?.['address']);
  if (address !== undefined && isIP(address) !== 0) return { ip: address };
  return { name: subject?.channel ?? textOf(data?.['surface']) ?? writer };
}

export function deviceOf({ hostname }: OcsfSource): Attributes {
  return { hostname, type_id: 1, type: 'Server' };
}

/** What a security control did with it (profile `security_control`). */
export function controlOf({ outcome, rule }: LedgerRecord): Attributes {
  const denied = outcome === 'deny' || outcome === 'ask';
  const decided = denied || outcome === 'allow';
  if (!decided) return {};
  return known({
    action_id: denied ? 2 : 1,
    action: denied ? 'Denied' : 'Allowed',
    disposition_id: denied ? 2 : 1,
    disposition: denied ? 'Blocked' : 'Allowed',
    policy: rule === undefined ? undefined : { uid: rule, name: rule },
  });
}
