import type { ConfigService } from '../configuration/types.ts';
import {
  accountsOf,
  agentFor,
  policyOf,
  type SenderRecord,
  type SenderRules,
  type WrittenPolicies,
} from '../controls/senders/index.ts';

function writtenOf(config: ConfigService): WrittenPolicies {
  const { dmPolicy, channels } = config.current().config;
  return { ...(dmPolicy === undefined ? {} : { dmPolicy }), ...(channels === undefined ? {} : { channels }) };
}

/** What the configuration says about senders, read anew each time. */
export function senderRules(config: ConfigService): SenderRules {
  const policy = (channel: string, account: string) =>
    policyOf(writtenOf(config), channel, account, config.current().ceiling.grants);
  return {
    policyOf: policy,
    agentFor: (facts) => agentFor(config.current().bindings, facts, config.current().defaultAgent),
    authorityOf: (agent) => config.current().agents.get(agent)?.authority,
    ceiling: () => config.current().ceiling,
    perAccount: () => config.current().config.session.dmScope === 'per-account-channel-peer',
    channels: () => [...new Set(accountsOf(writtenOf(config)).map(([channel]) => channel))],
    listed: () =>
      accountsOf(writtenOf(config)).flatMap(([channel, account]) => listedIn(policy(channel, account))),
  };
}

/** The rules of every configured account. */
export function senderPolicies(config: ConfigService) {
  const written = writtenOf(config);
  const { grants } = config.current().ceiling;
  return accountsOf(written).flatMap(
    ([channel, account]) => policyOf(written, channel, account, grants) ?? [],
  );
}

function listedIn(policy: ReturnType<SenderRules['policyOf']>): readonly SenderRecord[] {
  if (policy === undefined) return [];
  const { channel, account, allowFrom } = policy;
  return [...allowFrom].map((sender) => ({
    channel,
    account,
    sender,
    displayName: '',
    status: 'allowed',
    source: 'configuration',
    by: 'gatehouse.json',
    at: 0,
  }));
}
