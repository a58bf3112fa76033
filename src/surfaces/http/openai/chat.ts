import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { TurnEvent, Usage } from '../../../agents/types.ts';
import { LISTEN_LIMITS } from '../../../controls/listen/index.ts';
import type { GatehouseError } from '../../../kernel/index.ts';
import type { Caller } from '../../../operations/define.ts';
import { HTTP_CODES } from '../codes.ts';
import { asHttpError, openAiFailure } from '../errors.ts';
import type { HttpSurfaceParts } from '../parts.ts';
import { disconnectSignal, StreamWriter } from '../stream-writer.ts';
import type { ChatRequest } from './request.ts';

/** What agent.run answers. */
interface RunResult {
  readonly text: string;
  readonly usage: Usage;
  readonly stopReason: string;
}

type FinishReason = 'stop' | 'length' | 'content_filter';

function finishReason(stopReason: string): FinishReason {
  if (stopReason === 'length') return 'length';
  return stopReason === 'content-filter' ? 'content_filter' : 'stop';
}

function usageOf(usage: Usage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** Answer a chat completion in one piece. */
export async function completeChat(
  parts: HttpSurfaceParts,
  reply: FastifyReply,
  caller: Caller,
  request: ChatRequest,
): Promise<object> {
  if (request.requiresToolCall) throw HTTP_CODES.error('HTTP_TOOL_CHOICE_UNMET');
  const signal = disconnectSignal(reply.raw);
  const result = (await parts.dispatcher.call('agent.run', caller, request.input, { signal })) as RunResult;
  return {
    id: `chatcmpl_${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: result.text, refusal: null },
        logprobs: null,
        finish_reason: finishReason(result.stopReason),
      },
    ],
    usage: usageOf(result.usage),
  };
}

/** Builds the chunks of one streamed answer. Tool calls of the agent never become chunks. */
class ChunkStream {
  readonly #writer: StreamWriter;
  readonly #shared: object;
  readonly #includeUsage: boolean;
  #hasText = false;

  constructor(writer: StreamWriter, request: ChatRequest) {
    this.#writer = writer;
    this.#includeUsage = request.includeUsage;
    this.#shared = {
      id: `chatcmpl_${randomUUID()}`,
      object: 'chat.completion.chunk',
      created: Math.floor(Date.now() / 1000),
      model: request.model,
    };
  }

  start(): void {
    this.#writer.start('text/event-stream; charset=utf-8');
    this.#choice({ role: 'assistant', content: '' }, null);
  }

  text(delta: string): void {
    if (delta === '') return;
    this.#hasText = true;
    this.#choice({ content: delta }, null);
  }

  finish(result: RunResult): void {
    if (!this.#hasText) this.text(result.text);
    this.#choice({}, finishReason(result.stopReason));
    if (this.#includeUsage) this.#data({ ...this.#shared, choices: [], usage: usageOf(result.usage) });
    this.#writer.end('data: [DONE]\n\n');
  }

  fail(error: GatehouseError): void {
    this.#data(openAiFailure(error));
    this.#writer.end('data: [DONE]\n\n');
  }

  #choice(delta: object, reason: FinishReason | null): void {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: reason }];
    this.#data({ ...this.#shared, choices, ...(this.#includeUsage ? { usage: null } : {}) });
  }

  #data(value: object): void {
    this.#writer.write(`data: ${JSON.stringify(value)}\n\n`);
  }
}

/**
 * Answer a chat completion as server-sent events. The stream starts with the turn's first event, before any text;
 * what fails before that keeps its own HTTP status.
 */
export async function streamChat(
  parts: HttpSurfaceParts,
  reply: FastifyReply,
  caller: Caller,
  request: ChatRequest,
): Promise<void> {
  if (request.requiresToolCall) throw HTTP_CODES.error('HTTP_TOOL_CHOICE_UNMET');
  const writer = new StreamWriter(reply.raw, (parts.limits ?? LISTEN_LIMITS).bufferedBytes);
  const chunks = new ChunkStream(writer, request);
  const signal = disconnectSignal(reply.raw);
  const begin = (): void => {
    if (writer.started) return;
    reply.hijack();
    chunks.start();
  };
  const emit = (event: unknown): void => {
    begin();
    const turn = event as TurnEvent;
    if (turn.type === 'text') chunks.text(turn.delta);
  };
  try {
    const result = await parts.dispatcher.call('agent.run', caller, request.input, { signal, emit });
    begin();
    chunks.finish(result as RunResult);
  } catch (thrown) {
    if (!writer.started) throw thrown;
    chunks.fail(asHttpError(thrown));
  }
}
