import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { AgentId, SessionKey, strict } from '../schema.ts';
import { INVOKE_ERRORS, invokeAsCaller } from '../tools/invoke-as-caller.ts';
import { ToolOutcomeSchema } from '../tools/schema.ts';
import { MAX_COMMAND_CHARS } from './schema.ts';

export const sandboxExec = defineOperation({
  id: 'sandbox.exec',
  summary: "Run a command in an agent's sandbox, as the agent would",
  description: 'Decided, asked about, recorded and confined exactly like a command of the model.',
  input: strict({
    command: Type.String({ description: 'A shell line.', minLength: 1, maxLength: MAX_COMMAND_CHARS }),
    agent: Type.Optional(AgentId),
    sessionKey: Type.Optional(SessionKey),
  }),
  output: ToolOutcomeSchema,
  scope: 'operator.write',
  effect: 'high-impact',
  selfRecorded: true,
  errors: INVOKE_ERRORS,
  cli: {
    command: 'sandbox exec',
    positional: ['command'],
    line: true,
    examples: ['gatehouse sandbox exec "ls -la /workspace"', 'gatehouse sandbox exec "id" --agent builder'],
    offline: false,
  },
  run: (context, { command, ...where }) =>
    invokeAsCaller(context, { ...where, tool: 'shell', args: { command } }),
});
