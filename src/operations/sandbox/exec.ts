import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { ownSessionKey } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, SessionKey, strict } from '../schema.ts';
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
  errors: [
    'OP_AGENT_UNKNOWN',
    'AUTH_AGENT_NOT_ALLOWED',
    'SESSION_KEY_INVALID',
    'TURN_NOT_RECORDED',
    'SANDBOX_UNAVAILABLE',
  ],
  cli: {
    command: 'sandbox exec',
    positional: ['command'],
    examples: ['gatehouse sandbox exec "ls -la /workspace"', 'gatehouse sandbox exec "id" --agent builder'],
    offline: false,
  },
  async run(context, input) {
    const { caller, services, signal } = context;
    const { sessionKey, agent } = await ownSessionKey(context, input.sessionKey ?? 'main', input.agent);
    return services.turns.invokeTool(
      {
        space: caller.space,
        sessionKey,
        idempotencyKey: randomUUID(),
        subject: { ...caller.subject, agent, tool: 'shell' },
        authority: caller.authority,
        trace: caller.trace,
        tool: 'shell',
        args: { command: input.command },
      },
      signal,
    );
  },
});
