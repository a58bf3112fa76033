import { ACTION_KINDS, type Layer, type Rule } from '../../kernel/index.ts';
import type { SenderPolicy } from './policy.ts';
import type { InboundFacts, SenderRecord } from './types.ts';

/** Attribute of a direct message in `message.receive`. */
export const DIRECT = 'direct';

/** What the store knows of a sender: somebody let it in, or put it out. */
export type Standing = Pick<SenderRecord, 'status' | 'source'> | undefined;

function blocked(standing: Standing, sender: string): readonly Rule[] {
  if (standing?.status !== 'blocked') return [];
  const reason = 'an operator blocked this sender';
  return [{ id: 'blocked', kind: 'message.receive', effect: 'deny', match: { sender: [sender] }, reason }];
}

/** A rule for exactly this sender, which is there only when a list names it: an empty list allows nobody. */
function listed(id: string, isListed: boolean, sender: string, chat: string): readonly Rule[] {
  if (!isListed) return [];
  return [{ id, kind: 'message.receive', effect: 'allow', match: { sender: [sender], chat: [chat] } }];
}

function directRules(policy: SenderPolicy, standing: Standing, sender: string): readonly Rule[] {
  const { dmPolicy, allowFrom } = policy;
  if (dmPolicy === 'disabled') {
    const reason = 'the configuration takes no direct messages here';
    return [{ id: 'dmPolicy', kind: 'message.receive', effect: 'deny', reason }];
  }
  const letIn = standing?.status === 'allowed';
  // A pairing was made while pairing was the policy; a list that was written since then does not name it.
  const paired = letIn && (standing.source !== 'pairing' || dmPolicy !== 'allowlist');
  const rules = [
    ...listed('allowFrom', allowFrom.has(sender), sender, DIRECT),
    ...listed(`store:${standing?.source ?? ''}`, paired, sender, DIRECT),
  ];
  if (dmPolicy !== 'pairing') return rules;
  const reason = 'an operator has to pair this sender first';
  return [
    ...rules,
    { id: 'pairing', kind: 'message.receive', effect: 'ask', match: { chat: [DIRECT] }, reason },
  ];
}

function groupRules(policy: SenderPolicy, sender: string, chat: string): readonly Rule[] {
  if (policy.groupPolicy === 'disabled') {
    const reason = 'the configuration takes no messages from groups here';
    return [{ id: 'groupPolicy', kind: 'message.receive', effect: 'deny', reason }];
  }
  const group = policy.groups.get(chat) ?? policy.groups.get('*');
  return group === undefined ? [] : listed('groups', group.members.has(sender), sender, chat);
}

/** Whether grants of the configuration count here: only where it says `open`, and for a group only one it names. */
function grantsOf(policy: SenderPolicy, facts: InboundFacts): SenderPolicy['grants'] {
  if (facts.chat.kind === 'direct') return policy.dmPolicy === 'open' ? policy.grants : [];
  const named = policy.groups.has(facts.chat.id) || policy.groups.has('*');
  return policy.groupPolicy === 'open' && named ? policy.grants : [];
}

/** What one account says about one message, as a layer of authority (S1, S3). */
export function admissionLayer(policy: SenderPolicy, standing: Standing, facts: InboundFacts): Layer {
  const { sender, chat } = facts;
  const rules =
    chat.kind === 'direct' ? directRules(policy, standing, sender) : groupRules(policy, sender, chat.id);
  return {
    id: `senders:${policy.channel}/${policy.account}`,
    rules: [...blocked(standing, sender), ...rules],
    grants: grantsOf(policy, facts),
  };
}

/**
 * The rights of an admitted sender: to talk to this agent. Every kind is stated by name, so that a kind that a
 * later version adds is denied; operations and configuration are nobody's who writes on a channel.
 */
export function senderLayer(principal: string, agent: string): Layer {
  const withheld: readonly string[] = ['operation.call', 'config.change', 'agent.run', 'listen.open'];
  const rules: Rule[] = [{ id: 'agent', kind: 'agent.run', effect: 'allow', match: { agent: [agent] } }];
  for (const kind of ACTION_KINDS) {
    if (!withheld.includes(kind)) rules.push({ id: `unrestricted:${kind}`, kind, effect: 'allow' });
  }
  return { id: principal, rules };
}
