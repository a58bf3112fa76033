import type { Finding } from '../../kernel/index.ts';
import type { SenderPolicy } from './policy.ts';
import type { SenderRecord } from './types.ts';

/** A pairing that nobody looked at for so long is worth a question. */
const OLD_PAIRING_MS = 180 * 86_400_000;

export interface SenderFacts {
  readonly policies: readonly SenderPolicy[];
  readonly stored: readonly SenderRecord[];
  /** Unix milliseconds. */
  readonly now: number;
}

function open(policy: SenderPolicy, now: number): readonly Finding[] {
  if (policy.dmPolicy !== 'open' && policy.groupPolicy !== 'open') return [];
  const until = Math.max(
    0,
    ...policy.grants.filter((grant) => grant.expires > now).map((grant) => grant.expires),
  );
  return [
    {
      id: 'senders.open',
      severity: 'critical',
      title: `everybody may write to ${policy.channel}/${policy.account}`,
      expected: 'pairing or an allow-list',
      found:
        until === 0
          ? 'open, and its grant has ended: nobody gets in by it'
          : `open until ${new Date(until).toISOString()}`,
      fix: `Set channels.${policy.channel}.dmPolicy to "pairing" and let the grant end.`,
      requirements: ['S1', 'S6'],
    },
  ];
}

function unreachable(policy: SenderPolicy, stored: readonly SenderRecord[]): readonly Finding[] {
  if (policy.dmPolicy !== 'allowlist' || policy.allowFrom.size > 0) return [];
  const letIn = stored.some(
    ({ channel, account, status, source }) =>
      channel === policy.channel &&
      account === policy.account &&
      status === 'allowed' &&
      source === 'operator',
  );
  if (letIn) return [];
  return [
    {
      id: 'senders.nobody',
      severity: 'warning',
      title: `nobody may write to ${policy.channel}/${policy.account}: its allow-list is empty`,
      expected: 'at least one sender',
      found: 'an empty list, which allows nobody',
      fix: `Run \`gatehouse senders allow --channel ${policy.channel} ID\`, or add the id to allowFrom.`,
      requirements: ['S1'],
    },
  ];
}

function unmentioned(policy: SenderPolicy): readonly Finding[] {
  if (policy.groupPolicy === 'disabled') return [];
  return [...policy.groups]
    .filter(([, group]) => !group.requireMention)
    .map(([chat]) => ({
      id: 'senders.no-mention',
      severity: 'warning' as const,
      title: `every line of a listed member in ${policy.channel} group ${chat} reaches the agent`,
      expected: 'requireMention',
      found: 'requireMention: false',
      fix: 'Remove requireMention: false, so that only messages to the agent are read by it.',
      requirements: ['S3'],
    }));
}

function old(stored: readonly SenderRecord[], now: number): readonly Finding[] {
  return stored
    .filter(
      ({ status, source, at }) => status === 'allowed' && source === 'pairing' && now - at > OLD_PAIRING_MS,
    )
    .map(({ channel, account, sender, at }) => ({
      id: 'senders.old-pairing',
      severity: 'low' as const,
      title: `${channel}/${account} sender ${sender} was paired long ago`,
      expected: 'a look at who is let in, twice a year',
      found: `paired ${new Date(at).toISOString().slice(0, 10)}`,
      fix: `Block it if nobody needs it: gatehouse senders block --channel ${channel} ${sender}`,
      requirements: ['S2'],
    }));
}

/** Findings about who may talk to an agent. */
export function checkSenders({ policies, stored, now }: SenderFacts): readonly Finding[] {
  return [
    ...policies.flatMap((policy) => [
      ...open(policy, now),
      ...unreachable(policy, stored),
      ...unmentioned(policy),
    ]),
    ...old(stored, now),
  ];
}
