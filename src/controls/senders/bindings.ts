import type { AgentBinding, InboundFacts } from './types.ts';

/** Which agent a message is for: a binding of its peer, else of its account, else of its channel, else the default. */
export function agentFor(
  bindings: readonly AgentBinding[],
  facts: Pick<InboundFacts, 'channel' | 'account' | 'sender' | 'chat'>,
  defaultAgent: string,
): string {
  let best: AgentBinding | undefined;
  let weight = -1;
  for (const binding of bindings) {
    const own = weightOf(binding, facts);
    if (own > weight) [best, weight] = [binding, own];
  }
  return best?.agent ?? defaultAgent;
}

function weightOf(
  binding: AgentBinding,
  { channel, account, sender, chat }: Pick<InboundFacts, 'channel' | 'account' | 'sender' | 'chat'>,
): number {
  if (binding.channel !== channel) return -1;
  if (binding.account !== undefined && binding.account !== account) return -1;
  const { peer } = binding;
  if (peer !== undefined) {
    const id = chat.kind === 'direct' ? sender : chat.id;
    if (peer.kind !== chat.kind || peer.id !== id) return -1;
  }
  return (peer === undefined ? 0 : 2) + (binding.account === undefined ? 0 : 1);
}
