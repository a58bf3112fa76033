import type { Clock } from '../kernel/index.ts';
import type { InboxRow } from './store.ts';
import type { ChannelAdapter } from './types.ts';

/** How a turn ended, as far as a channel tells. */
export type TurnEnd =
  | { readonly status: 'ok'; readonly text: string }
  | { readonly status: 'aborted' }
  | { readonly status: 'error'; readonly code: string };

export function keyOf({ channel, account }: Pick<ChannelAdapter, 'channel' | 'account'>): string {
  return `${channel}/${account}`;
}

export function laneOf({
  channel,
  account,
  chat_id,
}: Pick<InboxRow, 'channel' | 'account' | 'chat_id'>): string {
  return `${channel} ${account} ${chat_id}`;
}

export function factsOf(row: InboxRow) {
  const { channel, account, sender, chat_kind: kind, chat_id: id } = row;
  return {
    channel,
    account,
    sender,
    displayName: row.display_name,
    chat: { kind, id },
    mentioned: row.mentioned === 1,
  };
}

export function ended(clock: Clock, reason: string | null) {
  return { ended_at: clock.now(), reason };
}

/** What the sender reads of how a turn ended; undefined when it goes on after a restart. */
export function answerOf(outcome: TurnEnd): string | undefined {
  if (outcome.status === 'ok') return outcome.text.trim() === '' ? '(no answer)' : outcome.text;
  if (outcome.status === 'aborted') return 'This was stopped.';
  if (outcome.code === 'TURN_SUSPENDED') return undefined;
  if (outcome.code === 'TURN_INTERRUPTED')
    return 'I was interrupted while I worked on this. Please ask again.';
  return `This did not work (${outcome.code}).`;
}
