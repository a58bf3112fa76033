import { Type } from 'typebox';
import { bracketed } from '../../kernel/index.ts';
import { seesAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

export const secretsCheck = defineOperation({
  id: 'secrets.check',
  summary:
    'Find secrets of runs that nothing can use: listed nowhere, named by no rule, or not at their hosts',
  description:
    'That every reference resolves is checked when egress starts and reloads; it refuses otherwise.',
  input: NoInput,
  output: strict({
    secrets: Type.Array(
      strict({ name: Type.String(), usable: Type.Boolean(), problems: Type.Array(Type.String()) }),
    ),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'secrets check', examples: ['gatehouse secrets check'], offline: true },
  async run(context) {
    const { runSecrets, agents, egressRules } = context.services.config.current();
    const { compileEgressTable, judgeAuthority } = await import('../../controls/egress/index.ts');
    const now = context.services.clock.now();
    const visible = [...agents.values()].filter(({ agent }) => seesAgent(context, agent));
    const secrets = runSecrets.map(({ name, hosts }) => {
      const users = visible.filter((policy) => policy.secrets?.some((one) => one.name === name) === true);
      const problems: string[] = [];
      if (users.length === 0) problems.push('no playbook in use lists it under `secrets`');
      for (const { agent } of users) {
        const table = compileEgressTable(egressRules.get(agent) ?? []);
        for (const { host, port } of hosts) {
          const judged = judgeAuthority(bracketed(host), port);
          const rules = judged.ok ? table.findAll(judged.target, now) : [];
          if (!rules.some(({ spec }) => spec.secrets?.includes(name)))
            problems.push(`no egress rule of ${agent} for ${host}:${port} names it under \`secrets\``);
        }
      }
      return { name, usable: problems.length === 0, problems };
    });
    return { secrets };
  },
});
