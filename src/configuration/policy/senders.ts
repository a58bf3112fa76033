import type { Grant } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';

/** `@name` and `Name#1234` are names that people choose and change (S4, attack 82). */
const CHANGEABLE = /^@|#\d{4}$/;

function checkIds(value: unknown, at: readonly Segment[], opened: boolean, issues: Issues): void {
  if (!Array.isArray(value)) return;
  value.forEach((id: unknown, index) => {
    if (typeof id !== 'string') return;
    if (id === '*' && !opened) {
      issues.error([...at, index], 'CONFIG_GRANT_REQUIRED', {
        message: '* lets everybody write to the agent',
      });
    } else if (CHANGEABLE.test(id)) issues.error([...at, index], 'CONFIG_SENDER_INVALID');
  });
}

function checkKeys(value: unknown, at: readonly Segment[], opened: boolean, issues: Issues): void {
  if (!isPlainObject(value)) return;
  for (const key of ['dmPolicy', 'groupPolicy', 'mode']) {
    if (value[key] !== 'open' || opened) continue;
    issues.error([...at, key], 'CONFIG_GRANT_REQUIRED', {
      message: 'open lets everybody write to the agent',
    });
  }
  for (const key of ['allowFrom', 'groupAllowFrom', 'allowIds'])
    checkIds(value[key], [...at, key], opened, issues);
  for (const group of ['groups', 'accounts']) {
    const inner = value[group];
    if (!isPlainObject(inner)) continue;
    for (const [name, item] of Object.entries(inner)) checkKeys(item, [...at, group, name], opened, issues);
  }
}

/** Senders are stable ids, and letting everybody in takes a grant for `message.receive` (S4, S6). */
export function checkSenders(input: ConfigInput, grants: readonly Grant[], issues: Issues): void {
  const opened = (channel: string): boolean =>
    grants.some(({ kind, match }) => {
      const channels = match['channel'] ?? ['*'];
      const everybody = match['sender']?.includes('*') ?? false;
      return (
        kind === 'message.receive' && everybody && (channels.includes('*') || channels.includes(channel))
      );
    });
  checkKeys(input.dmPolicy, ['dmPolicy'], opened('*'), issues);
  for (const [channel, value] of Object.entries(input.channels ?? {})) {
    checkKeys(value, ['channels', channel], opened(channel), issues);
    if (channel !== 'defaults') issues.warn(['channels', channel], 'CONFIG_CHANNEL_NOT_STARTED');
  }
}
