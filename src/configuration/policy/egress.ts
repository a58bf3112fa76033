import type { EgressRuleSpec, WrittenEgressRule } from '../../controls/egress/types.ts';
import type { Rule } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { Segment } from '../path.ts';
import { ruleFacts } from '../playbooks/facts.ts';
import type { Playbook } from '../playbooks/schema.ts';
import type { ConfigInput } from '../schema.ts';
import type { LoadedEgressPolicy } from './egress-file.ts';

const DEFAULT_PORT = 443;

type Written = NonNullable<Playbook['egress']>[number];

/** What the egress control says about rules; it is loaded only when there is one. */
export interface EgressRules {
  egressRuleProblem(spec: EgressRuleSpec): { readonly field: string; readonly message: string } | undefined;
  compileEgressRules(specs: readonly EgressRuleSpec[]): readonly Rule[];
}

/** A destination of the install, for every agent that inherits or only for some. */
export interface InstallDestination {
  readonly spec: EgressRuleSpec;
  readonly source: 'networkPolicy' | 'policy/egress.yaml';
  readonly agents?: readonly string[];
}

/** Load the part of the egress control that understands rules. */
export async function loadEgressRules(): Promise<EgressRules> {
  return import('../../controls/egress/index.ts');
}

function toSpec(written: Written, at: readonly Segment[], issues: Issues): EgressRuleSpec {
  const { id, host, port = DEFAULT_PORT, effect = 'allow', networks, protocol } = written;
  const { methods, paths, secrets, attach } = written;
  return {
    id: id ?? `${host}:${port}`,
    host,
    port,
    class: written.class ?? 'other',
    effect,
    ...(networks === undefined ? {} : { networks }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(methods === undefined ? {} : { methods }),
    ...(paths === undefined ? {} : { paths }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(attach === undefined ? {} : { attach }),
    ...ruleFacts(written, effect, at, issues),
  };
}

const HOST_AND_PORT = /^(\[[^\]]+\]|[^:\s]+)(?::([1-9][0-9]{0,4}))?$/;

function fromText(text: string): Written | undefined {
  const match = HOST_AND_PORT.exec(text);
  const [, host, port] = match ?? [];
  if (host === undefined) return undefined;
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

interface Placed {
  readonly spec: EgressRuleSpec;
  readonly at: readonly Segment[];
}

/** Those that the egress control accepts, under ids that are unique in their list. */
function accepted<Item extends Placed>(
  items: readonly Item[],
  rules: EgressRules,
  issues: Issues,
): readonly Item[] {
  const seen = new Set<string>();
  return items.flatMap((item) => {
    const { spec, at } = item;
    const problem = rules.egressRuleProblem(spec);
    if (problem !== undefined || spec.host === '*') {
      const message = problem?.message ?? 'every host at once is not a destination: name the hosts';
      issues.error(
        [...at, ...(problem === undefined ? ['host'] : [problem.field])],
        'CONFIG_EGRESS_INVALID',
        { message },
      );
      return [];
    }
    let id = spec.id;
    for (let again = 2; seen.has(id); again++) id = `${spec.id}#${again}`;
    seen.add(id);
    return [{ ...item, spec: { ...spec, id } }];
  });
}

/** What `networkPolicy.egress_allowlist` and `policy/egress.yaml` compile to, in this order (E1, E2). */
export function installDestinations(
  policy: ConfigInput['networkPolicy'],
  loaded: LoadedEgressPolicy,
  rules: EgressRules,
  issues: Issues,
): readonly InstallDestination[] {
  const listed = (policy?.egress_allowlist ?? []).flatMap((entry, index) => {
    const at = ['networkPolicy', 'egress_allowlist', index];
    const written = typeof entry === 'string' ? fromText(entry) : entry;
    if (written !== undefined) return [{ spec: toSpec(written, at, issues), at }];
    issues.error(at, 'CONFIG_EGRESS_INVALID');
    return [];
  });
  const filed = (loaded.file?.rules ?? []).map(({ agents, ...written }, index) => {
    const at = ['rules', index];
    const spec = toSpec(written, at, loaded.issues);
    return { spec, at, ...(agents === undefined ? {} : { agents }) };
  });
  return [
    ...accepted(listed, rules, issues).map(({ spec }) => ({
      spec: { ...spec, id: `networkPolicy:${spec.id}` },
      source: 'networkPolicy' as const,
    })),
    ...accepted(filed, rules, loaded.issues).map(({ spec, agents }) => ({
      spec: { ...spec, id: `policy:${spec.id}` },
      source: 'policy/egress.yaml' as const,
      ...(agents === undefined ? {} : { agents }),
    })),
  ];
}

/** A rule for an agent that does not exist would look like protection or permission and be neither. */
export function checkPolicyAgents(loaded: LoadedEgressPolicy, known: readonly string[]): void {
  loaded.file?.rules.forEach(({ agents }, index) => {
    agents?.forEach((agent, place) => {
      if (known.includes(agent)) return;
      const nearest = nearestName(agent, known);
      loaded.issues.error(['rules', index, 'agents', place], 'CONFIG_EGRESS_INVALID', {
        message: `there is no agent ${JSON.stringify(agent)}`,
        ...(nearest === undefined ? {} : { nearest }),
      });
    });
  });
}

/**
 * What the install's own destinations say about the requests of one agent, whatever its playbook says (E2). Nothing
 * where the choice is left to playbooks.
 */
export function requestBounds(
  agent: string,
  policy: ConfigInput['networkPolicy'],
  destinations: readonly InstallDestination[],
): readonly EgressRuleSpec[] {
  if (policy?.allow_egress === true) return [];
  const own = destinations.filter(({ agents }) => agents === undefined || agents.includes(agent));
  const judges = own.some(({ spec }) => spec.methods !== undefined || spec.paths !== undefined);
  return judges ? own.map(({ spec }) => spec) : [];
}

/** The destinations of an agent: its playbook's own, then the install's where the playbook takes them over. */
export function agentDestinations(
  playbook: Playbook,
  agent: string | undefined,
  install: readonly InstallDestination[],
  rules: EgressRules,
  issues: Issues,
): readonly EgressRuleSpec[] {
  const own = (playbook.egress ?? []).map((written, index) => {
    const at = ['egress', index];
    const spec = toSpec(written, at, issues);
    return { spec: { owner: playbook.owner, ...spec }, at };
  });
  const inherited = playbook.inheritNetworkPolicy === true ? install : [];
  const taken = inherited
    .filter(({ agents }) => agents === undefined || (agent !== undefined && agents.includes(agent)))
    .map(({ spec }) => ({ spec, at: ['egress'] }));
  return accepted([...own, ...taken], rules, issues).map(({ spec }) => spec);
}

/** Every rule once, with where it stands and whom it serves. */
export function writtenRules(
  install: readonly InstallDestination[],
  agents: readonly {
    readonly agent: string;
    readonly playbook: string;
    readonly shipped: boolean;
    readonly destinations: readonly EgressRuleSpec[];
  }[],
): readonly WrittenEgressRule[] {
  const installed = new Set(install.map(({ spec }) => spec.id));
  const takers = (id: string) =>
    agents
      .filter(({ destinations }) => destinations.some((spec) => spec.id === id))
      .map(({ agent }) => agent);
  const own = new Map<string, WrittenEgressRule>();
  for (const { agent, playbook, shipped, destinations } of agents) {
    for (const spec of destinations) {
      if (installed.has(spec.id)) continue;
      const key = `${playbook} ${spec.id}`;
      const known = own.get(key)?.agents ?? [];
      own.set(key, { spec, source: `playbook:${playbook}`, shipped, agents: [...known, agent] });
    }
  }
  return [
    ...install.map(({ spec, source }) => ({ spec, source, shipped: false, agents: takers(spec.id) })),
    ...own.values(),
  ];
}
