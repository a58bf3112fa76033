import { chatId, idHint, senderId } from '../../controls/senders/index.ts';
import type { Grant } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';

/** Platforms that this version starts. */
const STARTED: readonly string[] = ['telegram', 'webhook'];

interface Place {
  /** Undefined in the global `dmPolicy`, where ids of every platform may stand. */
  readonly channel: string | undefined;
  readonly opened: boolean;
  readonly issues: Issues;
}

function checkIds(value: unknown, at: readonly Segment[], place: Place): void {
  if (!Array.isArray(value)) return;
  value.forEach((id: unknown, index) => {
    if (typeof id !== 'string') return;
    if (id === '*') {
      if (!place.opened) {
        const message = '* lets everybody write to the agent';
        place.issues.error([...at, index], 'CONFIG_GRANT_REQUIRED', { message });
      }
    } else if (!isSenderId(place.channel, id)) {
      const message = `${JSON.stringify(id)} is no stable id: ${idHint(place.channel ?? '')}`;
      place.issues.error([...at, index], 'CONFIG_SENDER_INVALID', { message });
    }
  });
}

function isSenderId(channel: string | undefined, id: string): boolean {
  if (channel !== undefined) return senderId(channel, id) !== undefined;
  return [...STARTED, ''].some((one) => senderId(one, id) !== undefined);
}

/** Groups are named by their ids too; a name that anybody can give a group opens nothing (attack 82). */
function checkGroups(value: unknown, at: readonly Segment[], place: Place): void {
  if (!isPlainObject(value)) return;
  for (const [name, group] of Object.entries(value)) {
    // Every group: its members still have to be listed, and `open` needs its own grant.
    if (name !== '*' && chatId(place.channel ?? '', name) === undefined) {
      const message = `${JSON.stringify(name)} is no stable id of a group`;
      place.issues.error([...at, name], 'CONFIG_SENDER_INVALID', { message });
    }
    checkKeys(group, [...at, name], place);
  }
}

function checkKeys(value: unknown, at: readonly Segment[], place: Place): void {
  if (!isPlainObject(value)) return;
  for (const key of ['dmPolicy', 'groupPolicy', 'mode']) {
    if (value[key] !== 'open' || place.opened) continue;
    const message = 'open lets everybody write to the agent';
    place.issues.error([...at, key], 'CONFIG_GRANT_REQUIRED', { message });
  }
  for (const key of ['allowFrom', 'groupAllowFrom', 'allowIds']) checkIds(value[key], [...at, key], place);
  checkGroups(value['groups'], [...at, 'groups'], place);
  const accounts = value['accounts'];
  if (!isPlainObject(accounts)) return;
  for (const [name, account] of Object.entries(accounts))
    checkKeys(account, [...at, 'accounts', name], place);
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
  checkKeys(input.dmPolicy, ['dmPolicy'], { channel: undefined, opened: opened('*'), issues });
  for (const [channel, value] of Object.entries(input.channels ?? {})) {
    checkKeys(value, ['channels', channel], { channel, opened: opened(channel), issues });
    if (channel !== 'defaults' && !STARTED.includes(channel))
      issues.warn(['channels', channel], 'CONFIG_CHANNEL_NOT_STARTED');
  }
}
