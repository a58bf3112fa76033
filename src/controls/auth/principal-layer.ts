import { ACTION_KINDS, type ActionKind, type Layer, type Rule } from '../../kernel/index.ts';
import type { Principal } from './types.ts';

/** Kinds whose rules depend on the principal. All others are bounded by the ceiling, the playbook and the taint. */
const RESTRICTED: readonly ActionKind[] = ['operation.call', 'agent.run', 'config.change', 'listen.open'];

/**
 * The rights of a principal as a layer. Every kind is stated by name: a kind that a later version adds is denied
 * until this list says what it asks for.
 */
export function principalLayer(principal: Principal): Layer {
  const rules: Rule[] = [
    { id: 'scopes', kind: 'operation.call', effect: 'allow', match: { scope: [...principal.scopes] } },
  ];
  if (principal.scopes.includes('operator.write')) {
    rules.push({ id: 'agents', kind: 'agent.run', effect: 'allow', match: { agent: [...principal.agents] } });
  }
  if (principal.scopes.includes('operator.admin')) {
    rules.push({ id: 'configuration', kind: 'config.change', effect: 'allow' });
  }
  for (const kind of ACTION_KINDS) {
    if (!RESTRICTED.includes(kind)) rules.push({ id: `unrestricted:${kind}`, kind, effect: 'allow' });
  }
  return { id: `principal:${principal.id}`, rules };
}
