import { Type } from 'typebox';
import { seesAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

const Agent = strict({
  id: Type.String(),
  name: Type.String(),
  playbook: Type.String({ description: 'The document that states what it may do.' }),
  models: Type.Array(Type.String(), { description: '`provider/model`, first choice first.' }),
  workspaceAccess: Type.Enum(['none', 'ro', 'rw']),
  sandboxScope: Type.Enum(['session', 'agent', 'shared']),
  isDefault: Type.Boolean(),
});

export const agentsList = defineOperation({
  id: 'agents.list',
  summary: 'List the agents that you may use',
  input: NoInput,
  output: strict({ defaultAgent: Type.String(), agents: Type.Array(Agent) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'agents list', examples: ['gatehouse agents list'], offline: true },
  async run(context) {
    const { agents, defaultAgent } = context.services.config.current();
    const mine = [...agents.values()].filter(({ agent }) => seesAgent(context, agent));
    return {
      defaultAgent,
      agents: mine.map((policy) => ({
        id: policy.agent,
        name: policy.name,
        playbook: policy.playbook,
        models: policy.models,
        workspaceAccess: policy.workspaceAccess,
        sandboxScope: policy.sandboxScope,
        isDefault: policy.agent === defaultAgent,
      })),
    };
  },
});
