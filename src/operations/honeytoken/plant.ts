import { Type } from 'typebox';
import { HONEYTOKEN_KINDS } from '../../controls/secrets/types.ts';
import { visibleAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, strict, text } from '../schema.ts';
import { HoneytokenSchema } from './schema.ts';

export const honeytokenPlant = defineOperation({
  id: 'honeytoken.plant',
  summary: "Put a credential that opens nothing into an agent's workspace; whoever uses it raises an alert",
  description: 'The value is written into the file and shown nowhere. An existing file is never touched.',
  input: strict({
    kind: Type.Enum([...HONEYTOKEN_KINDS], { description: 'What it looks like.' }),
    agent: Type.Optional(AgentId),
    path: Type.Optional(
      text('Place in the workspace; where such a credential usually lies when absent.', 1_000),
    ),
    note: Type.Optional(text('For whoever reads the alert.')),
  }),
  output: strict({ honeytoken: HoneytokenSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['OP_AGENT_UNKNOWN', 'HONEYTOKEN_PATH', 'HONEYTOKEN_EXISTS', 'HONEYTOKEN_LIMIT'],
  cli: {
    command: 'honeytoken plant',
    positional: ['kind'],
    examples: ['gatehouse honeytoken plant aws', 'gatehouse honeytoken plant env --agent main --path .env'],
    offline: true,
  },
  async run(context, { kind, agent, path, note }) {
    const { caller, services } = context;
    const owner = visibleAgent(context, agent);
    const workspace = services.config.current().agents.get(owner)?.workspace ?? '';
    const honeytoken = await services.honeytokens.plant({
      kind,
      agent: owner,
      workspace,
      by: caller.principal.name,
      ...(path === undefined ? {} : { path }),
      ...(note === undefined ? {} : { note }),
    });
    return { honeytoken };
  },
});
