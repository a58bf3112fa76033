import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { Rule } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import { ruleFacts } from '../playbooks/facts.ts';
import type { Playbook } from '../playbooks/schema.ts';
import type { ConfigInput } from '../schema.ts';

const DEFAULT_PORT = 443;

type Written = NonNullable<Playbook['egress']>[number];

/** What the egress control says about rules; it is loaded only when there is one. */
export interface EgressRules {
  egressRuleProblem(spec: EgressRuleSpec): { readonly field: string; readonly message: string } | undefined;
  compileEgressRules(specs: readonly EgressRuleSpec[]): readonly Rule[];
}

/** Load the part of the egress control that understands rules. */
export async function loadEgressRules(): Promise<EgressRules> {
  return import('../../controls/egress/index.ts');
}

function toSpec(written: Written, at: readonly Segment[], issues: Issues): EgressRuleSpec {
  const { id, host, port = DEFAULT_PORT, effect = 'allow', networks, protocol } = written;
  return {
    id: id ?? `${host}:${port}`,
    host,
    port,
    class: written.class ?? 'other',
    effect,
    ...(networks === undefined ? {} : { networks }),
    ...(protocol === undefined ? {} : { protocol }),
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

/** Specs that the egress control accepts, under ids that are unique in their list. */
function accepted(
  specs: readonly { readonly spec: EgressRuleSpec; readonly at: readonly Segment[] }[],
  rules: EgressRules,
  issues: Issues,
): readonly EgressRuleSpec[] {
  const seen = new Set<string>();
  return specs.flatMap(({ spec, at }) => {
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
    return [{ ...spec, id }];
  });
}

/** What `networkPolicy.egress_allowlist` compiles to (E1). */
export function installDestinations(
  policy: ConfigInput['networkPolicy'],
  rules: EgressRules,
  issues: Issues,
): readonly EgressRuleSpec[] {
  const specs = (policy?.egress_allowlist ?? []).flatMap((entry, index) => {
    const at = ['networkPolicy', 'egress_allowlist', index];
    const written = typeof entry === 'string' ? fromText(entry) : entry;
    if (written !== undefined) return [{ spec: toSpec(written, at, issues), at }];
    issues.error(at, 'CONFIG_EGRESS_INVALID');
    return [];
  });
  return accepted(specs, rules, issues);
}

/** The destinations of an agent: its playbook's own, then the install's where the playbook takes them over. */
export function agentDestinations(
  playbook: Playbook,
  install: readonly EgressRuleSpec[],
  rules: EgressRules,
  issues: Issues,
): readonly EgressRuleSpec[] {
  const own = (playbook.egress ?? []).map((written, index) => {
    const at = ['egress', index];
    return { spec: toSpec(written, at, issues), at };
  });
  const inherited = playbook.inheritNetworkPolicy === true ? install : [];
  const taken = inherited.map((spec) => ({
    spec: { ...spec, id: `networkPolicy:${spec.id}` },
    at: ['egress'],
  }));
  return accepted([...own, ...taken], rules, issues);
}
