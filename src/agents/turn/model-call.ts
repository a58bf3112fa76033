import { asGatehouseError, GatehouseError } from '../../kernel/index.ts';
import { MODEL_CODES, TURN_CODES } from '../codes.ts';
import type { ModelEvent, ModelRequest, Usage } from '../types.ts';
import { estimateTokens, type ToolCallPart } from './context.ts';
import type { ModelChoice } from './models.ts';
import type { TurnPorts } from './ports.ts';
import type { Turn } from './turn.ts';

/** Characters of text and calls of tools that one step may bring. */
export const MAX_STEP_CHARS = 400_000;
export const MAX_STEP_CALLS = 32;

/** Tokens of an answer that are set aside before it is known how long it gets. */
const RESERVED_OUTPUT_TOKENS = 4_096;
const NOTHING = { input: 0, output: 0 };

/** What one call of a model brought. */
export interface Step {
  readonly text: string;
  readonly calls: readonly ToolCallPart[];
  readonly reason: string;
  readonly usage: Usage;
  readonly model: string;
}

/** One call, recorded in the ledger whatever comes of it. `heard` gets the text as it comes. */
export async function callModel(
  ports: TurnPorts,
  turn: Turn,
  choice: ModelChoice,
  request: Omit<ModelRequest, 'model'>,
  purpose: 'answer' | 'compaction',
  heard: (delta: string) => void,
): Promise<Step> {
  const since = ports.clock.monotonic();
  const collected = collector(turn, heard);
  const facts = { provider: choice.provider.id, model: choice.model, purpose };
  const ms = () => Math.round(ports.clock.monotonic() - since);
  const expected = {
    input: estimateTokens(JSON.stringify([request.system, request.messages, request.tools])),
    output: Math.min(RESERVED_OUTPUT_TOKENS, Math.max(1, turn.tokensLeft())),
  };
  const reservation = await ports.budget.reserveTokens(turn.spender(), choice.ref, expected);
  try {
    const stream = choice.provider.stream({ ...request, model: choice.model }, turn.signal);
    for await (const event of untilAborted(stream, turn.signal)) collected.take(event);
    const step = collected.step(choice.ref, request);
    void turn.record({
      type: 'model',
      action: 'model.called',
      outcome: 'success',
      data: { ...facts, ...step.usage, ms: ms(), calls: step.calls.length, reason: step.reason },
    });
    turn.addUsage(step.usage);
    await reservation.settle({ input: step.usage.inputTokens, output: step.usage.outputTokens });
    return step;
  } catch (thrown) {
    const error = modelFailure(turn, choice, thrown);
    // Nobody says what a call that failed has cost; one that brought nothing is taken to have cost nothing.
    const heard = collected.tokens();
    await reservation.settle(heard === 0 ? NOTHING : { input: expected.input, output: heard });
    void turn.record({
      type: 'model',
      action: 'model.called',
      outcome: 'failure',
      code: error.code,
      data: { ...facts, ms: ms() },
    });
    throw error;
  }
}

/** Whoever reads it at night has several providers: the message names the one that failed. */
function modelFailure(turn: Turn, { ref }: ModelChoice, thrown: unknown): GatehouseError {
  if (turn.signal.aborted) return asGatehouseError(turn.signal.reason);
  const known = asGatehouseError(thrown);
  const error =
    known.code === 'KERNEL_INTERNAL'
      ? MODEL_CODES.error('MODEL_BAD_RESPONSE', undefined, { cause: thrown, details: { retryable: false } })
      : known;
  if (!error.code.startsWith('MODEL_')) return error;
  const { code, message, fix, status, details, cause } = error;
  return new GatehouseError(code, `${ref}: ${message}`, {
    fix,
    status,
    details: { ...details, model: ref },
    cause,
  });
}

function collector(turn: Turn, heard: (delta: string) => void) {
  let text = '';
  let size = 0;
  let finish: Extract<ModelEvent, { type: 'finish' }> | undefined;
  const calls: ToolCallPart[] = [];
  const allowance = turn.tokensLeft();

  function grow(added: string): void {
    size += added.length;
    if (size > MAX_STEP_CHARS) throw MODEL_CODES.error('MODEL_BAD_RESPONSE', 'the model would not stop');
    if (size / 8 > allowance) throw TURN_CODES.error('TURN_TOKEN_LIMIT');
  }

  return {
    /** Tokens that came, by size. */
    tokens: () => Math.ceil(size / 4),
    take(event: ModelEvent): void {
      switch (event.type) {
        case 'text':
          grow(event.delta);
          text += event.delta;
          heard(event.delta);
          return;
        case 'toolCall': {
          if (calls.length >= MAX_STEP_CALLS)
            throw MODEL_CODES.error('MODEL_BAD_RESPONSE', 'too many tool calls');
          grow(JSON.stringify(event.arguments) ?? '');
          calls.push({
            type: 'toolCall',
            id: callId(turn, calls, event.id),
            name: /^[A-Za-z0-9_-]{1,64}$/.test(event.name) ? event.name : 'invalid_tool',
            arguments: event.arguments,
          });
          return;
        }
        case 'finish':
          finish = event;
      }
    },
    step(model: string, request: Omit<ModelRequest, 'model'>): Step {
      if (finish === undefined) {
        throw MODEL_CODES.error('MODEL_UNAVAILABLE', undefined, { details: { retryable: true } });
      }
      if (finish.reason === 'content-filter' && text === '' && calls.length === 0) {
        throw MODEL_CODES.error('MODEL_REFUSED');
      }
      const usage = { inputTokens: finish.usage.inputTokens, outputTokens: finish.usage.outputTokens };
      // A server that reports nothing is counted by size: a limit that counts nothing limits nothing (B1).
      if (usage.inputTokens + usage.outputTokens === 0) {
        usage.inputTokens = estimateTokens(JSON.stringify(request.messages));
        usage.outputTokens = Math.ceil(size / 4);
      }
      return { text, calls, reason: finish.reason, usage, model };
    },
  };
}

/** A provider's id where it is usable and new, otherwise one of ours: results are matched by it. */
function callId(turn: Turn, calls: readonly ToolCallPart[], id: string): string {
  const usable = /^[A-Za-z0-9_-]{1,64}$/.test(id);
  const taken =
    calls.some((call) => call.id === id) ||
    turn.messages.some((message) => message.role === 'toolResult' && message.toolCallId === id);
  return usable && !taken
    ? id
    : `call_${turn.steps}_${calls.length}_${turn.id.runId.slice(0, 8).replace(/\W/g, '')}`;
}

/** Ends at once when the signal fires, also when the provider does not listen to it. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
