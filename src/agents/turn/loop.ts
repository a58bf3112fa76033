import { asGatehouseError, type GatehouseError } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { TurnStatus } from '../sessions/log.ts';
import type { NewMessage } from '../sessions/rows.ts';
import type { MessagePart, TurnErrorKind, TurnOutcome } from '../types.ts';
import { openCalls } from './context.ts';
import type { Step } from './model-call.ts';
import { modelStep } from './model-step.ts';
import { currentModel } from './models.ts';
import type { TurnPorts } from './ports.ts';
import { runTools } from './tools.ts';
import type { Turn } from './turn.ts';

const ERROR_KINDS: Readonly<Record<string, TurnErrorKind>> = {
  MODEL_REFUSED: 'refusal',
  TURN_TIMEOUT: 'timeout',
  MODEL_RATE_LIMITED: 'rate_limit',
  MODEL_CONTEXT_LENGTH: 'context_length',
};

/** Run a turn to its one end. Never rejects: what goes wrong is an outcome, stored and told. */
export async function runTurn(ports: TurnPorts, turn: Turn): Promise<TurnOutcome> {
  turn.emit({ type: 'started' });
  try {
    return await converse(ports, turn);
  } catch (thrown) {
    const reason = turn.signal.aborted ? turn.signal.reason : thrown;
    const error = asGatehouseError(reason);
    if (error.code === 'KERNEL_INTERNAL')
      ports.logger.error('a turn failed', { run: turn.id.runId, cause: `${reason}` });
    return await end(ports, turn, error);
  } finally {
    turn.deadline.clear();
  }
}

async function converse(ports: TurnPorts, turn: Turn): Promise<TurnOutcome> {
  let calls = openCalls(turn.messages, turn.id.runId);
  for (;;) {
    if (calls.length > 0) await runTools(ports, turn, calls);
    turn.signal.throwIfAborted();
    if (turn.steps >= turn.id.policy.turn.steps) throw TURN_CODES.error('TURN_STEP_LIMIT');
    if (turn.tokensLeft() <= 0) throw TURN_CODES.error('TURN_TOKEN_LIMIT');
    const step = await modelStep(ports, turn);
    turn.steps += 1;
    if (step.calls.length === 0) return await finish(ports, turn, step);
    await turn.commit({ messages: [assistantRow(step)] });
    turn.partial = '';
    ({ calls } = step);
  }
}

function assistantRow(step: Step): NewMessage {
  const text: readonly MessagePart[] = step.text === '' ? [] : [{ type: 'text', text: step.text }];
  const { model, usage, reason: stopReason } = step;
  return { role: 'assistant', content: [...text, ...step.calls], model, usage, stopReason, taint: [] };
}

async function finish(ports: TurnPorts, turn: Turn, step: Step): Promise<TurnOutcome> {
  const { text, usage } = turn;
  const outcome: TurnOutcome = { status: 'ok', text, stopReason: step.reason, usage, model: step.model };
  noteEnd(ports, turn, 'message.answered', 'success');
  await turn.recorded();
  await turn.commit({
    messages: [assistantRow(step)],
    status: 'ok',
    outcome,
    discard: turn.id.request.detached === true,
  });
  turn.emit({ type: 'finished', stopReason: step.reason, text, usage, model: step.model });
  return outcome;
}

function noteEnd(
  ports: TurnPorts,
  turn: Turn,
  action: string,
  outcome: 'success' | 'failure',
  code?: string,
): void {
  void turn.record({
    type: 'message',
    action,
    outcome,
    ...(code === undefined ? {} : { code }),
    data: {
      characters: turn.text.length,
      steps: turn.steps,
      ...turn.usage,
      ms: ports.clock.now() - turn.startedAt,
    },
  });
}

/** Any other end than an answer. */
async function end(ports: TurnPorts, turn: Turn, error: GatehouseError): Promise<TurnOutcome> {
  // Nothing of a suspended turn is under way, so its rows stay as they are and the next start goes on.
  if (error.code === 'TURN_SUSPENDED' && turn.status === 'waiting') return told(turn, error);
  const reason = error.code === 'TURN_SUSPENDED' ? TURN_CODES.error('TURN_INTERRUPTED') : error;
  const outcome = outcomeOf(turn, reason);
  await ports.approvals.cancelForRun(turn.id.runId).catch((cause: unknown) => {
    ports.logger.error('approvals of an ended turn could not be cancelled', { cause: `${cause}` });
  });
  noteEnd(ports, turn, `turn.${statusOf(reason)}`, 'failure', reason.code);
  await turn.recorded().catch((cause: unknown) => {
    ports.logger.error('the end of a turn could not be recorded', { run: turn.id.runId, cause: `${cause}` });
  });
  try {
    await turn.commit({
      messages: endRows(ports, turn, reason),
      taint: turn.taint,
      status: statusOf(reason),
      outcome,
      discard: turn.id.request.detached === true,
    });
  } catch (cause) {
    ports.logger.error('the end of a turn could not be stored', { run: turn.id.runId, cause: `${cause}` });
  }
  return told(turn, reason);
}

function statusOf(error: GatehouseError): TurnStatus {
  if (error.code === 'TURN_ABORTED') return 'aborted';
  return error.code === 'TURN_INTERRUPTED' ? 'interrupted' : 'error';
}

/** What the conversation needs to stay whole: what was said, and a result for every call. */
function endRows(ports: TurnPorts, turn: Turn, error: GatehouseError): readonly NewMessage[] {
  const rows: NewMessage[] = openCalls(turn.messages, turn.id.runId).map((call) => ({
    role: 'toolResult',
    toolCallId: call.id,
    toolName: call.name,
    content: turn.started.has(call.id)
      ? `The outcome is unknown: the turn ended while this ran (${error.code}). It was not run again.`
      : `Not run: the turn ended first (${error.code}).`,
    isError: true,
    taint: [],
  }));
  const text = [turn.partial, error.code === 'TURN_INTERRUPTED' ? `[${error.message}]` : '']
    .filter((part) => part !== '')
    .join('\n');
  if (text === '') return rows;
  const { model } = modelName(ports, turn);
  const content = [{ type: 'text', text }] as const;
  return [...rows, { role: 'assistant', content, model, stopReason: statusOf(error), taint: [] }];
}

function modelName(ports: TurnPorts, turn: Turn): { readonly model: string } {
  try {
    return { model: currentModel(ports, turn).ref };
  } catch {
    return { model: 'unknown' };
  }
}

/** What a caller learns of an end that is no answer. */
export function outcomeOf(turn: Pick<Turn, 'text' | 'usage'>, error: GatehouseError): TurnOutcome {
  const { text, usage } = turn;
  if (error.code === 'TURN_ABORTED') return { status: 'aborted', text, stopReason: 'aborted', usage };
  const { code, message, fix, status: httpStatus } = error;
  const errorKind = ERROR_KINDS[code] ?? 'unknown';
  return { status: 'error', code, message, fix, errorKind, usage, httpStatus };
}

function told(turn: Turn, error: GatehouseError): TurnOutcome {
  const outcome = outcomeOf(turn, error);
  if (outcome.status === 'aborted') {
    turn.emit({ type: 'aborted', stopReason: outcome.stopReason, text: outcome.text });
  } else if (outcome.status === 'error') {
    const { code, message, fix, errorKind } = outcome;
    turn.emit({ type: 'failed', code, message, fix, errorKind });
  }
  return outcome;
}
