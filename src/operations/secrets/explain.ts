import { Type } from 'typebox';
import { asGatehouseError, decide } from '../../kernel/index.ts';
import { visibleAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, name, strict } from '../schema.ts';

const MAX_URL_CHARS = 8_192;

interface Step {
  readonly step: string;
  readonly holds: boolean;
  readonly why: string;
}

export const secretsExplain = defineOperation({
  id: 'secrets.explain',
  summary: 'Say whether a run of an agent may use a secret for a URL, and what is missing when not',
  description: 'Nothing is connected and no value is read.',
  input: strict({
    secret: name('Name of the secret.'),
    url: Type.String({ description: 'Absolute https URL.', minLength: 1, maxLength: MAX_URL_CHARS }),
    method: Type.Optional(name('HTTP method; GET when absent.')),
    agent: Type.Optional(AgentId),
  }),
  output: strict({
    allowed: Type.Boolean(),
    steps: Type.Array(strict({ step: Type.String(), holds: Type.Boolean(), why: Type.String() })),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_AGENT_UNKNOWN'],
  cli: {
    command: 'secrets explain',
    positional: ['secret', 'url'],
    examples: ['gatehouse secrets explain API_KEY https://api.example.com/v1/items --agent main'],
    offline: true,
  },
  async run(context, { secret, url, method = 'GET', agent }) {
    const { config, clock } = context.services;
    const id = visibleAgent(context, agent);
    const effective = config.current();
    const policy = effective.agents.get(id);
    const { compileEgressTable, judgeRequest, judgeUrl } = await import('../../controls/egress/index.ts');
    const declared = effective.runSecrets.find((one) => one.name === secret);
    const judged = judgeUrl(url);
    const steps: Step[] = [
      {
        step: 'declared',
        holds: declared !== undefined,
        why:
          declared === undefined ? 'secrets.values does not name it' : `in ${declared.places.join(' or ')}`,
      },
    ];
    if (!judged.ok || judged.url.scheme !== 'https') {
      const why = judged.ok ? 'a secret never goes out in the clear' : judged.message;
      return { allowed: false, steps: [...steps, { step: 'https', holds: false, why }] };
    }
    const { target, path } = judged.url;
    const bound =
      declared?.hosts.some(({ host, port }) => host === target.host && port === target.port) === true;
    const hosts = declared?.hosts.map(({ host, port }) => `${host}:${port}`).join(', ') ?? 'nothing';
    steps.push({ step: 'bound to this host', holds: bound, why: `bound to ${hosts}` });
    const listed = policy?.secrets?.some((one) => one.name === secret) === true;
    steps.push({
      step: 'listed by the playbook',
      holds: listed,
      why: `playbook ${policy?.playbook ?? '(none)'}`,
    });
    const now = clock.now();
    if (policy !== undefined) {
      const action = { kind: 'secret.use', secret, host: target.host } as const;
      const used = decide(policy.authority, { principal: 'operator', agent: id }, action, now);
      steps.push({ step: 'allowed to be used', holds: used.effect === 'allow', why: used.rule });
    }
    try {
      const bounds = effective.egressBounds.get(id) ?? [];
      const tables = {
        table: compileEgressTable(effective.egressRules.get(id) ?? []),
        ...(bounds.length === 0 ? {} : { bounds: compileEgressTable(bounds) }),
      };
      const allowed = judgeRequest(tables, target, { method, path }, now);
      const why = allowed.rule ?? 'no rule names this host';
      steps.push({ step: 'carried by an egress rule', holds: allowed.secrets.has(secret), why });
    } catch (thrown) {
      const { message } = asGatehouseError(thrown);
      steps.push({ step: 'carried by an egress rule', holds: false, why: message });
    }
    return { allowed: steps.every(({ holds }) => holds), steps };
  },
});
