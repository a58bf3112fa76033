import { Type } from 'typebox';
import { visibleAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, strict } from '../schema.ts';

const Tool = strict({
  name: Type.String(),
  description: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema of the arguments.' }),
});

export const toolsList = defineOperation({
  id: 'tools.list',
  summary: 'List the tools that an agent may ask for',
  input: strict({ agent: Type.Optional(AgentId) }),
  output: strict({ agent: Type.String(), tools: Type.Array(Tool) }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_AGENT_UNKNOWN'],
  cli: {
    command: 'tools list',
    examples: ['gatehouse tools list', 'gatehouse tools list --agent support'],
    offline: false,
  },
  async run(context, input) {
    const agent = visibleAgent(context, input.agent);
    return { agent, tools: context.services.turns.tools(agent) };
  },
});
