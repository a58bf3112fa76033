import { Type } from 'typebox';
import type { WrittenEgressRule } from '../../controls/egress/types.ts';
import { defineOperation } from '../define.ts';
import { instant, orNull, strict } from '../schema.ts';

const MONTH_MS = 30 * 86_400_000;
const MAX_REFUSED = 1_000;

const RuleSchema = strict({
  source: Type.String({ description: 'policy/egress.yaml, networkPolicy or playbook:NAME.' }),
  id: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  class: Type.String(),
  owner: orNull(Type.String()),
  ticket: orNull(Type.String()),
  agents: Type.Array(Type.String()),
});

const RefusedSchema = strict({
  month: Type.String({ description: 'In UTC.' }),
  agent: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  code: Type.String(),
  count: Type.Number(),
});

/** The rule as decisions name it: in the agent's playbook, or in the ceiling. */
function wasUsed({ spec }: WrittenEgressRule, used: ReadonlySet<string>): boolean {
  return used.has(spec.id);
}

export const egressDiff = defineOperation({
  id: 'egress.diff',
  summary:
    'Compare what was seen with what is allowed: rules nobody used, hosts that were asked for and refused',
  input: strict({ since: Type.Optional(instant('From this time on; 30 days when absent.')) }),
  output: strict({
    since: Type.Number({ description: 'Unix milliseconds.' }),
    unused: Type.Array(RuleSchema, { description: 'By class. Candidates for removal.' }),
    refused: Type.Array(RefusedSchema, {
      description: 'Most often first. Candidates for a rule, or for a question.',
    }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'egress diff',
    examples: ['gatehouse egress diff', 'gatehouse egress diff --since 90d --json'],
    offline: true,
  },
  async run({ services }, input) {
    const since = input.since ?? services.clock.now() - MONTH_MS;
    const seen = await services.traffic.usedRules({ since });
    // `playbook:dev/policy:packages`: the layer, then the rule's own id.
    const used = new Set(seen.map(({ rule }) => rule.slice(rule.indexOf('/') + 1)));
    const unused = services.config
      .current()
      .writtenEgress.filter((rule) => rule.spec.effect !== 'deny' && !wasUsed(rule, used))
      .map(({ source, agents, spec }) => ({
        source,
        agents,
        id: spec.id,
        host: spec.host,
        port: spec.port,
        class: spec.class,
        owner: spec.owner ?? null,
        ticket: spec.ticket ?? null,
      }))
      .sort((a, b) => (a.class === b.class ? 0 : a.class < b.class ? -1 : 1));
    return { since, unused, refused: await services.traffic.refused({ since }, MAX_REFUSED) };
  },
});
