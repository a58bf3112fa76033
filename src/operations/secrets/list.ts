import { Type } from 'typebox';
import { seesAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { NoInput, orNull, strict } from '../schema.ts';

const MAX_USES = 1_000;

export const secretsList = defineOperation({
  id: 'secrets.list',
  summary: 'List the secrets that runs use by placeholder: hosts, places, agents and last use, never values',
  input: NoInput,
  output: strict({
    secrets: Type.Array(
      strict({
        name: Type.String({ description: 'Also the variable that holds the placeholder in a run.' }),
        source: Type.String({ description: 'env, file, exec or workspace.' }),
        hosts: Type.Array(Type.String()),
        places: Type.Array(Type.String({ description: 'Where in a request it may stand.' })),
        agents: Type.Array(Type.String({ description: 'Agents whose playbook lists it.' })),
        rules: Type.Array(Type.String({ description: 'Egress rules that name it.' })),
        lastUsedAt: orNull(Type.Number({ description: 'Unix milliseconds.' })),
        lastUsedBy: orNull(Type.String({ description: 'Agent of the last use.' })),
      }),
    ),
    authority: orNull(
      strict({
        fingerprint: Type.String({ description: 'SHA-256 of the certificate that runs trust.' }),
        expires: Type.Number({ description: 'Unix milliseconds; a new one takes over 30 days before.' }),
      }),
    ),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['EGRESS_UNAVAILABLE'],
  cli: { command: 'secrets list', examples: ['gatehouse secrets list'], offline: false },
  async run(context) {
    const { services } = context;
    const { agents, egressRules } = services.config.current();
    const { secrets, authority } = await services.egress.runSecrets();
    const uses = await services.ledger.query({ action: 'secret.use', limit: MAX_USES });
    const visible = [...agents.values()].filter(({ agent }) => seesAgent(context, agent));
    const listed = secrets.map(({ name, source, hosts, places }) => {
      const own = visible.filter((policy) => policy.secrets?.some((one) => one.name === name) === true);
      const rules = own.flatMap(({ agent }) =>
        (egressRules.get(agent) ?? []).filter((rule) => rule.secrets?.includes(name)).map(({ id }) => id),
      );
      const last = uses.findLast(
        ({ outcome, data, subject }) =>
          outcome === 'allow' && data?.['secret'] === name && seesAgent(context, subject?.agent ?? ''),
      );
      return {
        name,
        source,
        hosts,
        places,
        agents: own.map(({ agent }) => agent),
        rules: [...new Set(rules)],
        lastUsedAt: last?.at ?? null,
        lastUsedBy: last?.subject?.agent ?? null,
      };
    });
    return { secrets: listed, authority };
  },
});
