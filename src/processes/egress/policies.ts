import {
  compileEgressRules,
  compileEgressTable,
  type EgressLimits,
  type EgressPolicy,
} from '../../controls/egress/index.ts';
import { authorityOf } from '../../kernel/index.ts';
import type { EgressInputs } from './inputs.ts';

/** Everything that is decided by, replaced as a whole on reload. */
export interface EgressPolicies {
  readonly hash: string;
  readonly agents: ReadonlyMap<string, EgressPolicy>;
  readonly providers: EgressPolicy;
  readonly ownPorts: readonly number[];
  readonly limits: EgressLimits;
}

/**
 * Compile what was loaded.
 *
 * @throws EGRESS_RULE_INVALID
 */
export function compilePolicies(inputs: EgressInputs): EgressPolicies {
  const agents = new Map<string, EgressPolicy>();
  for (const [agent, { authority, rules, bounds }] of inputs.agents) {
    const table = compileEgressTable(rules);
    agents.set(agent, {
      authority,
      table,
      ...(bounds.length === 0 ? {} : { bounds: compileEgressTable(bounds) }),
    });
  }
  const { providerRules } = inputs;
  const layer = { id: 'providers', rules: compileEgressRules(providerRules) };
  return {
    hash: inputs.hash,
    agents,
    providers: { authority: authorityOf(layer), table: compileEgressTable(providerRules) },
    ownPorts: inputs.ownPorts,
    limits: inputs.limits,
  };
}
