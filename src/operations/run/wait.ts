import { Type } from 'typebox';
import { UsageSchema } from '../agent/schema.ts';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { ownRunId } from '../run-id.ts';
import { milliseconds, name, strict } from '../schema.ts';

const MAX_WAIT_MS = 60 * 60 * 1000;

const Outcome = Type.Union(
  [
    strict({
      status: Type.Literal('ok'),
      text: Type.String(),
      stopReason: Type.String(),
      usage: UsageSchema,
      model: Type.String(),
    }),
    strict({
      status: Type.Literal('aborted'),
      text: Type.String(),
      stopReason: Type.String(),
      usage: UsageSchema,
    }),
    strict({
      status: Type.Literal('error'),
      code: Type.String(),
      message: Type.String(),
      fix: Type.String(),
      errorKind: Type.Enum(['refusal', 'timeout', 'rate_limit', 'context_length', 'unknown']),
      usage: UsageSchema,
      httpStatus: Type.Integer(),
    }),
  ],
  { description: 'How the turn ended.' },
);

export const runWait = defineOperation({
  id: 'run.wait',
  summary: 'Wait for a turn to end',
  input: strict({
    runId: name('The turn.'),
    timeoutMs: milliseconds('How long to wait at most.', MAX_WAIT_MS),
  }),
  output: strict({
    runId: Type.String(),
    status: Type.Enum(['ok', 'aborted', 'error', 'timeout'], {
      description: '`timeout`: it still runs.',
    }),
    outcome: Type.Optional(Outcome),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_RUN_NOT_FOUND'],
  cli: {
    command: 'run wait',
    positional: ['runId'],
    examples: ['gatehouse run wait nightly-1 --timeout 10m'],
    offline: false,
  },
  async run({ caller, services }, { runId, timeoutMs }) {
    // Somebody else's run and no run at all look the same (S5).
    const own = ownRunId(caller.space, runId);
    if (services.turns.spaceOf(own) !== caller.space) throw OP_CODES.error('OP_RUN_NOT_FOUND');
    const outcome = await services.turns.wait(own, timeoutMs);
    return outcome === undefined
      ? { runId, status: 'timeout' as const }
      : { runId, status: outcome.status, outcome };
  },
});
