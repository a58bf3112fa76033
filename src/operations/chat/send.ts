import { Type } from 'typebox';
import { ownSessionKey } from '../access.ts';
import { defineOperation } from '../define.ts';
import { ownRunId, shownRunId } from '../run-id.ts';
import { AgentId, MAX_MESSAGE_CHARS, milliseconds, name, SessionKey, strict } from '../schema.ts';

const MAX_TURN_MS = 24 * 60 * 60 * 1000;

export const chatSend = defineOperation({
  id: 'chat.send',
  summary: 'Send a message to a session without waiting for the answer',
  input: strict({
    sessionKey: SessionKey,
    message: Type.String({ description: 'What to say.', minLength: 1, maxLength: MAX_MESSAGE_CHARS }),
    idempotencyKey: name('Becomes the run id; the same key again never starts a second turn.'),
    agent: Type.Optional(AgentId),
    timeoutMs: Type.Optional(milliseconds('Ends the turn after this time.', MAX_TURN_MS)),
  }),
  output: strict({
    runId: Type.String({ description: 'The turn; wait for it with run.wait.' }),
    status: Type.Enum(['started', 'in_flight', 'ok', 'error'], {
      description: '`started`, or how an earlier turn with the same key stands.',
    }),
  }),
  scope: 'operator.write',
  effect: 'high-impact',
  selfRecorded: true,
  errors: [
    'OP_AGENT_UNKNOWN',
    'AUTH_AGENT_NOT_ALLOWED',
    'SESSION_KEY_INVALID',
    'TURN_MESSAGE_INVALID',
    'TURN_KEY_INVALID',
    'TURN_KEY_REUSED',
    'TURN_BUSY',
    'TURN_DRAINING',
    'TURN_NOT_RECORDED',
  ],
  cli: {
    command: 'chat send',
    positional: ['sessionKey', 'message'],
    examples: ['gatehouse chat send main "Summarise the log" --idempotency-key nightly-1'],
    offline: false,
  },
  async run(context, input) {
    const { caller, services } = context;
    const { sessionKey, agent } = await ownSessionKey(context, input.sessionKey, input.agent);
    const handle = await services.turns.start({
      space: caller.space,
      sessionKey,
      message: input.message,
      idempotencyKey: ownRunId(caller.space, input.idempotencyKey),
      subject: { ...caller.subject, agent },
      authority: caller.authority,
      trace: caller.trace,
      ...(input.timeoutMs === undefined ? {} : { timeoutMs: input.timeoutMs }),
    });
    // Nobody waits here: the outcome is in the session and in run.wait.
    handle.done.catch((cause: unknown) =>
      services.logger.error('a turn ended badly', { cause: String(cause) }),
    );
    return { runId: shownRunId(handle.runId), status: handle.status };
  },
});
