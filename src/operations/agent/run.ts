import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { TurnEvent, TurnOutcome } from '../../agents/types.ts';
import { GatehouseError, KERNEL_CODES } from '../../kernel/index.ts';
import { ownSessionKey } from '../access.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { ownRunId, shownRunId } from '../run-id.ts';
import { AgentId, MAX_MESSAGE_CHARS, milliseconds, name, orNull, SessionKey, strict } from '../schema.ts';
import { TurnEventSchema, UsageSchema } from './schema.ts';

const MAX_TURN_MS = 24 * 60 * 60 * 1000;
const MAX_HISTORY = 1_000;

const Input = strict({
  message: Type.String({ description: 'What to say.', minLength: 1, maxLength: MAX_MESSAGE_CHARS }),
  agent: Type.Optional(AgentId),
  sessionKey: Type.Optional(SessionKey),
  model: Type.Optional(name('`provider/model` for this turn; it must be one that the agent may use.')),
  idempotencyKey: Type.Optional(name('Becomes the run id; the same key again never starts a second turn.')),
  timeoutMs: Type.Optional(milliseconds('Ends the turn after this time.', MAX_TURN_MS)),
  detached: Type.Optional(
    Type.Boolean({ description: 'The turn goes on when the connection closes; run.wait has its outcome.' }),
  ),
  history: Type.Optional(
    Type.Array(
      strict({
        role: Type.Enum(['system', 'user', 'assistant']),
        content: Type.String({ maxLength: MAX_MESSAGE_CHARS }),
      }),
      {
        description: 'Earlier messages that the caller keeps itself; the session then stays as it was.',
        maxItems: MAX_HISTORY,
      },
    ),
  ),
});

const Output = strict({
  runId: Type.String({ description: 'The turn.' }),
  status: Type.Enum(['ok', 'aborted'], { description: 'Whether it ended by itself.' }),
  text: Type.String({ description: 'The answer.' }),
  usage: UsageSchema,
  model: orNull(Type.String({ description: '`provider/model` that answered; null when stopped before.' })),
  stopReason: Type.String({ description: 'Why the model stopped.' }),
});

/** A turn that failed is an error of the operation, with the turn's own code. */
function resultOf(runId: string, outcome: TurnOutcome): Static<typeof Output> {
  if (outcome.status === 'error') {
    throw new GatehouseError(outcome.code, outcome.message, {
      fix: outcome.fix,
      status: outcome.httpStatus,
      details: { runId, errorKind: outcome.errorKind },
    });
  }
  const { status, text, usage, stopReason } = outcome;
  return { runId, status, text, usage, stopReason, model: outcome.status === 'ok' ? outcome.model : null };
}

async function run(context: OperationContext<TurnEvent>, input: Static<typeof Input>) {
  const { caller, services, signal, emit } = context;
  const runId = ownRunId(caller.space, input.idempotencyKey ?? randomUUID());
  const { sessionKey, agent } = await ownSessionKey(context, input.sessionKey ?? 'main', input.agent);
  const gone = Promise.withResolvers<never>();
  // Who leaves before the turn has started is noticed when it is waited for, if it ever is.
  gone.promise.catch(() => {});
  const leave = () => {
    if (input.detached !== true) void services.turns.abort(caller.space, sessionKey, runId);
    else gone.reject(KERNEL_CODES.error('KERNEL_ABORTED'));
  };
  const unsubscribe = services.turns.subscribe((event) => {
    if (event.runId === runId && event.space === caller.space) emit({ ...event, runId: shownRunId(runId) });
  });
  signal.addEventListener('abort', leave, { once: true });
  try {
    const handle = await services.turns.start({
      space: caller.space,
      sessionKey,
      message: input.message,
      idempotencyKey: runId,
      subject: { ...caller.subject, agent },
      authority: caller.authority,
      trace: caller.trace,
      ...(input.model === undefined ? {} : { model: input.model }),
      ...(input.timeoutMs === undefined ? {} : { timeoutMs: input.timeoutMs }),
      ...(input.history === undefined ? {} : { history: input.history }),
    });
    if (signal.aborted) leave();
    return resultOf(shownRunId(handle.runId), await Promise.race([handle.done, gone.promise]));
  } finally {
    signal.removeEventListener('abort', leave);
    unsubscribe();
  }
}

export const agentRun = defineOperation({
  id: 'agent.run',
  summary: 'Send a message to an agent and wait for the answer',
  description:
    'Streams the turn as it happens: text, each tool call with its decision, approvals, and the end. ' +
    'Closing the connection ends the turn, unless it is detached.',
  input: Input,
  output: Output,
  stream: TurnEventSchema,
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
    'TURN_TIMEOUT',
    'TURN_STEP_LIMIT',
    'TURN_TOKEN_LIMIT',
    'TURN_INTERRUPTED',
    'TURN_NOT_RECORDED',
    'MODEL_UNKNOWN',
    'MODEL_NOT_ALLOWED',
    'MODEL_UNAVAILABLE',
    'MODEL_AUTH',
    'MODEL_RATE_LIMITED',
    'MODEL_OVERLOADED',
    'MODEL_CONTEXT_LENGTH',
    'MODEL_REFUSED',
  ],
  cli: {
    command: 'agent',
    examples: [
      'gatehouse agent --message "What is in my workspace?"',
      'gatehouse agent --session-key work --message "Go on" --timeout 5m --json',
    ],
    offline: false,
    files: { 'message-file': 'message' },
  },
  run,
});
