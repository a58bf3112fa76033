import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { AgentId, name, SessionKey, strict } from '../schema.ts';
import { INVOKE_ERRORS, invokeAsCaller } from './invoke-as-caller.ts';
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
  errors: INVOKE_ERRORS,
  cli: {
    command: 'tools invoke',
    positional: ['tool', 'args'],
    examples: [`gatehouse tools invoke list '{"path":"/workspace"}'`],
    offline: false,
  },
  run: (context, input) => invokeAsCaller(context, input),
});
