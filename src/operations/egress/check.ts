import { Type } from 'typebox';
import { visibleAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, strict } from '../schema.ts';

/** Longest URL that is judged; the egress process has the same bound. */
const MAX_URL_CHARS = 8_192;

export const egressCheck = defineOperation({
  id: 'egress.check',
  summary: 'Ask whether an agent may reach a URL, and which rule says so',
  description: 'Nothing is connected.',
  input: strict({
    url: Type.String({ description: 'Absolute URL.', minLength: 1, maxLength: MAX_URL_CHARS }),
    agent: Type.Optional(AgentId),
  }),
  output: strict({
    effect: Type.Enum(['allow', 'ask', 'deny']),
    code: Type.String(),
    rule: Type.String({ description: 'The rule that decides.' }),
    reason: Type.String(),
    fix: Type.String({ description: 'How to ask for it when it is refused.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_AGENT_UNKNOWN', 'EGRESS_UNAVAILABLE'],
  cli: {
    command: 'egress check',
    positional: ['url'],
    examples: [
      'gatehouse egress check https://api.example.com/v1',
      'gatehouse egress check http://169.254.169.254/',
    ],
    offline: false,
  },
  async run(context, { url, agent }) {
    return context.services.egress.check(url, visibleAgent(context, agent));
  },
});
