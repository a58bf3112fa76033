import { type AgentBinding, accountsOf, chatId, senderId } from '../../controls/senders/index.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { ConfigInput } from '../schema.ts';

type Written = NonNullable<ConfigInput['bindings']>[number];

/** Which agent a message is for. A line that could never match is an error: somebody counts on it. */
export function readBindings(
  input: ConfigInput,
  agents: readonly string[],
  issues: Issues,
): readonly AgentBinding[] {
  const accounts = accountsOf(input.channels === undefined ? {} : { channels: input.channels });
  return (input.bindings ?? []).flatMap((written, index) => {
    const problem = problemOf(written, agents, accounts);
    if (problem !== undefined) {
      issues.error(['bindings', index, ...problem.at], 'CONFIG_BINDING_INVALID', {
        message: problem.message,
      });
      return [];
    }
    return [bindingOf(written)];
  });
}

function problemOf(
  { agentId, match }: Written,
  agents: readonly string[],
  accounts: readonly (readonly [string, string])[],
): { readonly at: readonly string[]; readonly message: string } | undefined {
  if (!agents.includes(agentId)) return unknown(['agentId'], 'agent', agentId, agents);
  const channels = [...new Set(accounts.map(([channel]) => channel))];
  if (!channels.includes(match.channel))
    return unknown(['match', 'channel'], 'channel', match.channel, channels);
  const own = accounts.filter(([channel]) => channel === match.channel).map(([, account]) => account);
  if (match.accountId !== undefined && !own.includes(match.accountId)) {
    return unknown(['match', 'accountId'], 'account', match.accountId, own);
  }
  if (match.peer !== undefined && peerId(match.channel, match.peer) === undefined) {
    return { at: ['match', 'peer', 'id'], message: `${JSON.stringify(match.peer.id)} is no stable id` };
  }
  return undefined;
}

function unknown(at: readonly string[], what: string, name: string, known: readonly string[]) {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return { at, message: `there is no ${what} ${JSON.stringify(name)}${hint}` };
}

function peerId(channel: string, peer: NonNullable<Written['match']['peer']>): string | undefined {
  return peer.kind === 'group' ? chatId(channel, peer.id) : senderId(channel, peer.id);
}

function bindingOf({ agentId, match }: Written): AgentBinding {
  const { channel, accountId, peer } = match;
  return {
    agent: agentId,
    channel,
    ...(accountId === undefined ? {} : { account: accountId }),
    ...(peer === undefined
      ? {}
      : {
          peer: {
            kind: peer.kind === 'group' ? ('group' as const) : ('direct' as const),
            id: peerId(channel, peer) ?? '',
          },
        }),
  };
}
