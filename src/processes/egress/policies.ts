import {
  compileEgressRules,
  compileEgressTable,
  type EgressLimits,
  type EgressPolicy,
} from '../../controls/egress/index.ts';
import type { GrantPolicy } from '../../controls/grants/index.ts';
import { authorityOf, type Grant, withGrants } from '../../kernel/index.ts';
import type { EgressInputs } from './inputs.ts';

/** Everything that is decided by, replaced as a whole on reload. */
export interface EgressPolicies {
  readonly hash: string;
  readonly agents: ReadonlyMap<string, EgressPolicy>;
  readonly providers: EgressPolicy;
  readonly ownPorts: readonly number[];
  readonly limits: EgressLimits;
  readonly grantPolicy: GrantPolicy;
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
    grantPolicy: inputs.grantPolicy,
  };
}

/** The same policies while these grants are in force. */
export function withEgressGrants(policies: EgressPolicies, grants: readonly Grant[]): EgressPolicies {
  if (grants.length === 0) return policies;
  const agents = new Map(
    [...policies.agents].map(([agent, policy]) => {
      // A grant of one agent says nothing about the others: theirs are not compiled anew.
      const own = grants.filter(({ subject }) => subject?.agent === undefined || subject.agent === agent);
      return [agent, { ...policy, authority: withGrants(policy.authority, own) }] as const;
    }),
  );
  return { ...policies, agents };
}
