import { Type } from 'typebox';
import { bracketed, judge } from '../../kernel/index.ts';
import { visibleAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, name, orNull, strict } from '../schema.ts';

const MAX_URL_CHARS = 8_192;

const LayerSchema = strict({
  layer: Type.String(),
  effect: Type.Enum(['allow', 'ask', 'deny']),
  rule: orNull(Type.String({ description: 'The rule or grant that answers; null when there is none.' })),
  reason: orNull(Type.String()),
  grantable: Type.Boolean({ description: 'Whether a grant could change this answer.' }),
});

const RuleSchema = strict({
  id: Type.String(),
  source: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  class: Type.String(),
  owner: orNull(Type.String()),
  ticket: orNull(Type.String()),
  reason: orNull(Type.String()),
  expiresAt: orNull(Type.Number()),
  networks: Type.Array(Type.String()),
});

export const egressExplain = defineOperation({
  id: 'egress.explain',
  summary:
    "Explain what is decided about a URL: every layer's answer, the rule, its owner, and how to open it",
  description: 'The host is judged as egress judges it; the name is not resolved and nothing is connected.',
  input: strict({
    url: Type.String({ description: 'Absolute URL, or HOST:PORT.', minLength: 1, maxLength: MAX_URL_CHARS }),
    agent: Type.Optional(AgentId),
    session: Type.Optional(name('As in this session, for grants that are for one.')),
  }),
  output: strict({
    host: Type.String(),
    port: Type.Integer(),
    agent: Type.String(),
    effect: Type.Enum(['allow', 'ask', 'deny']),
    code: Type.String(),
    layers: Type.Array(LayerSchema),
    rule: orNull(RuleSchema),
    protocol: Type.String({ description: 'What may be spoken: tls, http, tcp, or `tls or http`.' }),
    tls: Type.Enum(['opaque', 'terminated', 'none'], {
      description: 'terminated: a rule judges requests, so egress ends TLS and looks inside.',
    }),
    open: Type.Array(Type.String(), {
      description: 'How to open it, the narrowest way first; empty when it is open.',
    }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [
    'OP_AGENT_UNKNOWN',
    'EGRESS_URL_INVALID',
    'EGRESS_HOST_INVALID',
    'EGRESS_HOST_AMBIGUOUS',
    'EGRESS_HOST_NOT_ASCII',
    'EGRESS_PORT_INVALID',
  ],
  cli: {
    command: 'egress explain',
    positional: ['url'],
    examples: ['gatehouse egress explain https://api.example.org/v1 --agent dev'],
    offline: true,
  },
  async run(context, { url, session, ...named }) {
    const agent = visibleAgent(context, named.agent);
    const { config, clock } = context.services;
    const {
      EGRESS_CODES,
      compileEgressTable,
      judgeAuthority,
      judgesRequests,
      judgeUrl,
      namesLocal,
      protocolOf,
    } = await import('../../controls/egress/index.ts');
    const judged = url.includes('://') ? judgeUrl(url) : judgeAuthority(url, 443);
    if (!judged.ok) throw EGRESS_CODES.error(judged.code, judged.message);
    const target = 'url' in judged ? judged.url.target : judged.target;
    const effective = config.current();
    const authority = effective.agents.get(agent)?.authority ?? { layers: [], hash: '' };
    const now = clock.now();
    const subject = {
      principal: context.caller.principal.id,
      agent,
      ...(session === undefined ? {} : { session }),
    };
    const action = { kind: 'net.connect', host: target.host, port: String(target.port) } as const;
    const layers = authority.layers.map((layer) => {
      const answer = judge(layer, subject, action, now);
      const grantable = answer.rule?.effect !== 'deny' && /^(ceiling|playbook:)/.test(layer.id);
      const by = answer.grant === undefined ? answer.rule?.id : `grant:${answer.grant.id}`;
      return {
        layer: layer.id,
        effect: answer.effect,
        rule: by ?? null,
        reason: answer.rule?.reason ?? answer.grant?.reason ?? null,
        grantable: answer.effect !== 'allow' && grantable,
      };
    });
    const rules = effective.egressRules.get(agent) ?? [];
    const found = compileEgressTable(rules).find(target, now);
    const closedLocal = target.local && !namesLocal(found);
    const order = ['allow', 'ask', 'deny'] as const;
    const worst = Math.max(0, ...layers.map(({ effect }) => order.indexOf(effect)));
    const effect = layers.length === 0 || closedLocal ? 'deny' : (order[worst] ?? 'deny');
    const written = effective.writtenEgress.find(({ spec }) => spec.id === found?.spec.id);
    const protocol = protocolOf(found, target);
    const terminated = found !== undefined && judgesRequests(found);
    return {
      host: target.host,
      port: target.port,
      agent,
      effect,
      code:
        effect === 'allow'
          ? 'DECISION_ALLOWED'
          : closedLocal
            ? 'EGRESS_HOST_LOCAL'
            : effect === 'ask'
              ? 'EGRESS_HOST_ASK'
              : layers.some((one) => one.effect === 'deny' && one.rule !== null)
                ? 'EGRESS_HOST_DENIED'
                : 'EGRESS_HOST_NOT_ALLOWED',
      layers,
      rule:
        found === undefined
          ? null
          : {
              id: found.spec.id,
              source: written?.source ?? '',
              host: found.spec.host,
              port: found.spec.port,
              class: found.spec.class,
              owner: found.spec.owner ?? null,
              ticket: found.spec.ticket ?? null,
              reason: found.spec.reason ?? null,
              expiresAt: found.spec.expires ?? null,
              networks: [...(found.spec.networks ?? [])],
            },
      protocol: protocol ?? 'tls or http',
      tls:
        protocol === 'http' || protocol === 'tcp'
          ? ('none' as const)
          : terminated
            ? ('terminated' as const)
            : ('opaque' as const),
      open: effect === 'allow' ? [] : waysToOpen(target, agent, layers, target.local || target.literal !== 0),
    };
  },
});

interface Answer {
  readonly layer: string;
  readonly effect: string;
  readonly rule: string | null;
  readonly grantable: boolean;
}

/** The narrowest way first. A denial is nobody's oversight: it is taken away where it stands, or not at all. */
function waysToOpen(
  { host, port }: { readonly host: string; readonly port: number },
  agent: string,
  layers: readonly Answer[],
  local: boolean,
): string[] {
  const closed = layers.filter(({ effect }) => effect !== 'allow');
  const denied = closed.find(({ rule, effect }) => effect === 'deny' && rule !== null);
  if (denied !== undefined) {
    return [
      `The rule ${denied.rule} of ${denied.layer} denies it; no grant changes that. Ask whoever wrote the rule.`,
    ];
  }
  const rule = `A rule in policy/egress.yaml: { host: ${host}, port: ${port}, class: other, owner: ..., ticket: ...${local ? ', networks: [CIDR]' : ''} }, and inheritNetworkPolicy: true in the playbook of ${agent}.`;
  if (local) return [rule];
  return [
    `gatehouse egress allow ${bracketed(host)}:${port} --agent ${agent} --for 2h --ticket TICKET --reason "..."`,
    rule,
  ];
}
