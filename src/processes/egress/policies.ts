import {
  compileEgressRules,
  compileEgressTable,
  type EgressPolicy,
  type EgressRuleSpec,
  judgeUrl,
} from '../../controls/egress/index.ts';
import type { SecretBinding } from '../../controls/secrets/index.ts';
import { type Authority, authorityOf } from '../../kernel/index.ts';

/** What egress needs of the effective configuration, whoever loads it. */
export interface EgressInputs {
  /** Hash of the effective configuration. */
  readonly hash: string;
  readonly agents: ReadonlyMap<
    string,
    { readonly authority: Authority; readonly rules: readonly EgressRuleSpec[] }
  >;
  /** `baseUrl` is empty for a provider that runs inside the gateway. */
  readonly providers: readonly { readonly id: string; readonly baseUrl: string }[];
  readonly secrets: readonly SecretBinding[];
  /** Ports that the gateway listens on. */
  readonly ownPorts: readonly number[];
}

/** Everything that is decided by, replaced as a whole on reload. */
export interface EgressPolicies {
  readonly hash: string;
  readonly agents: ReadonlyMap<string, EgressPolicy>;
  readonly providers: EgressPolicy;
  readonly ownPorts: readonly number[];
}

/**
 * Compile what was loaded.
 *
 * @throws EGRESS_RULE_INVALID, EGRESS_URL_INVALID and the codes of a bad host
 */
export function compilePolicies(inputs: EgressInputs): EgressPolicies {
  const agents = new Map<string, EgressPolicy>();
  for (const [agent, { authority, rules }] of inputs.agents) {
    agents.set(agent, { authority, table: compileEgressTable(rules) });
  }
  const specs = inputs.providers.map(providerRule).filter((spec) => spec !== undefined);
  const layer = { id: 'providers', rules: compileEgressRules(specs) };
  return {
    hash: inputs.hash,
    agents,
    providers: { authority: authorityOf(layer), table: compileEgressTable(specs) },
    ownPorts: inputs.ownPorts,
  };
}

/** The operator named this base URL, so exactly its host and port are allowed, and nothing else for the gateway. */
function providerRule(provider: EgressInputs['providers'][number]): EgressRuleSpec | undefined {
  if (provider.baseUrl === '') return undefined;
  const judged = judgeUrl(provider.baseUrl);
  if (!judged.ok) {
    return { id: `provider:${provider.id}`, host: '', port: 0, class: 'model' };
  }
  const { scheme, target } = judged.url;
  return {
    id: `provider:${provider.id}`,
    host: target.host,
    port: target.port,
    class: 'model',
    protocol: scheme === 'https' ? 'tls' : 'http',
  };
}
