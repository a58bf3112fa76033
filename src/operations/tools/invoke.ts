import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { ownSessionKey } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, name, SessionKey, strict } from '../schema.ts';
import { ToolOutcomeSchema } from './schema.ts';

export const toolsInvoke = defineOperation({
  id: 'tools.invoke',
  summary: 'Call one tool of an agent, outside a conversation',
  description: 'Same decisions, same sandbox and same records as when the agent calls it.',
  input: strict({
    tool: name('Which tool; see tools.list.'),
    args: Type.Record(Type.String(), Type.Unknown(), { description: 'Arguments, as a JSON object.' }),
    agent: Type.Optional(AgentId),
    sessionKey: Type.Optional(SessionKey),
    idempotencyKey: Type.Optional(name('Becomes the run id.')),
  }),
  output: ToolOutcomeSchema,
  scope: 'operator.write',
  effect: 'high-impact',
  selfRecorded: true,
  errors: [
    'OP_AGENT_UNKNOWN',
    'AUTH_AGENT_NOT_ALLOWED',
    'SESSION_KEY_INVALID',
    'TURN_NOT_RECORDED',
    'SANDBOX_UNAVAILABLE',
  ],
  cli: {
    command: 'tools invoke',
    positional: ['tool', 'args'],
    examples: [`gatehouse tools invoke list '{"path":"/workspace"}'`],
    offline: false,
  },
  async run(context, input) {
    const { caller, services, signal } = context;
    const { sessionKey, agent } = await ownSessionKey(context, input.sessionKey ?? 'main', input.agent);
    return services.turns.invokeTool(
      {
        space: caller.space,
        sessionKey,
        idempotencyKey: input.idempotencyKey ?? randomUUID(),
        subject: { ...caller.subject, agent, tool: input.tool },
        authority: caller.authority,
        trace: caller.trace,
        tool: input.tool,
        args: input.args,
      },
      signal,
    );
  },
});
