import {
  compileEgressRules,
  compileEgressTable,
  type EgressLimits,
  type EgressPolicy,
  type EgressRuleSpec,
  type MailDestination,
} from '../../controls/egress/index.ts';
import type { GrantPolicy } from '../../controls/grants/index.ts';
import { authorityOf, type Grant, withGrants } from '../../kernel/index.ts';
import type { EgressInputs } from './inputs.ts';

/** Everything that is decided by, replaced as a whole on reload. */
export interface EgressPolicies {
  readonly hash: string;
  readonly agents: ReadonlyMap<string, EgressPolicy>;
  readonly providers: EgressPolicy;
  /** For the delivery of the ledger alone; neither runs nor the gateway can use it. */
  readonly telemetry: EgressPolicy;
  readonly ownPorts: readonly number[];
  readonly mail: readonly MailDestination[];
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
  return {
    hash: inputs.hash,
    agents,
    providers: ownPolicy('providers', inputs.providerRules),
    telemetry: ownPolicy('telemetry', inputs.telemetryRules),
    ownPorts: inputs.ownPorts,
    mail: inputs.mail,
    limits: inputs.limits,
    grantPolicy: inputs.grantPolicy,
  };
}

/** What Gatehouse itself connects to, in a layer of its own. */
function ownPolicy(id: string, rules: readonly EgressRuleSpec[]): EgressPolicy {
  return {
    authority: authorityOf({ id, rules: compileEgressRules(rules) }),
    table: compileEgressTable(rules),
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
