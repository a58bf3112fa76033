import type { LanguageModelV3, LanguageModelV3StreamPart, LanguageModelV3Usage } from '@ai-sdk/provider';
import { GatehouseError } from '../../kernel/index.ts';
import { MODEL_CODES } from '../codes.ts';
import type { ModelEvent, ModelProvider, ModelRequest, Usage } from '../types.ts';
import { boundedFetch } from './bounded.ts';
import { modelError, retryAfter } from './failures.ts';
import { toPrompt, toTools } from './prompt.ts';

export interface AiSdkProviderOptions {
  readonly id: string;
  readonly api: 'openai-completions' | 'anthropic-messages';
  readonly baseUrl: string;
  readonly models: readonly { readonly id: string; readonly name: string; readonly contextTokens: number }[];
  /** `{{secret:NAME}}`, which egress replaces for the bound host; null when the provider needs no key. */
  readonly apiKey: string | null;
  /** The only way out: goes through egress. */
  readonly fetch: typeof globalThis.fetch;
}

/** A provider over the AI SDK's language models. The SDK is loaded with the first call. */
export function createAiSdkProvider(options: AiSdkProviderOptions): ModelProvider {
  const known = new Map<string, Promise<LanguageModelV3>>();
  return {
    id: options.id,
    models: () => options.models,
    async *stream(request, signal) {
      let model = known.get(request.model);
      if (model === undefined) {
        model = languageModel(options, request.model);
        known.set(request.model, model);
      }
      yield* streamModel(await model, request, signal);
    },
  };
}

async function languageModel(options: AiSdkProviderOptions, model: string): Promise<LanguageModelV3> {
  if (options.api === 'anthropic-messages') {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic({
      baseURL: options.baseUrl,
      apiKey: options.apiKey ?? 'none',
      fetch: boundedFetch(options.fetch),
    })(model);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({
    name: options.id,
    baseURL: options.baseUrl,
    ...(options.apiKey === null ? {} : { apiKey: options.apiKey }),
    fetch: boundedFetch(options.fetch),
    includeUsage: true,
  })(model);
}

/** One call. `doStream` is the SDK's raw call: it never retries by itself. */
async function* streamModel(
  model: LanguageModelV3,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent> {
  let finished = false;
  try {
    const tools = toTools(request);
    const { stream } = await model.doStream({
      prompt: toPrompt(request),
      ...(tools.length > 0 ? { tools } : {}),
      ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens }),
      abortSignal: signal,
    });
    for await (const part of stream) {
      for (const event of toEvents(part)) {
        finished ||= event.type === 'finish';
        yield event;
      }
    }
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw toModelError(thrown);
  }
  if (!finished) throw modelError({ kind: 'network', text: 'the stream ended early' });
}

function toEvents(part: LanguageModelV3StreamPart): readonly ModelEvent[] {
  switch (part.type) {
    case 'text-delta':
      return part.delta === '' ? [] : [{ type: 'text', delta: part.delta }];
    case 'tool-call': {
      const { toolCallId: id, toolName: name, input } = part;
      return [{ type: 'toolCall', id, name, arguments: parseArguments(input) }];
    }
    case 'error':
      throw part.error;
    case 'finish': {
      const { unified } = part.finishReason;
      return [
        { type: 'finish', reason: unified === 'error' ? 'other' : unified, usage: toUsage(part.usage) },
      ];
    }
    default:
      return [];
  }
}

/** Text that is not JSON stays text: the tool's schema refuses it, and the model is told. */
function parseArguments(input: string): unknown {
  if (input.trim() === '') return {};
  try {
    return JSON.parse(input) as unknown;
  } catch {
    return input;
  }
}

function toUsage(usage: LanguageModelV3Usage): Usage {
  return { inputTokens: usage.inputTokens.total ?? 0, outputTokens: usage.outputTokens.total ?? 0 };
}

/** What the SDK throws is recognised by its fields: its classes would load it before the first call. */
function toModelError(thrown: unknown): GatehouseError {
  const refused = causes(thrown).find((item) => item instanceof GatehouseError);
  if (refused instanceof GatehouseError) {
    return refused.code.startsWith('MODEL_') ? refused : wayOutError(refused);
  }
  const fields = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
    readonly statusCode?: unknown;
    readonly message?: unknown;
    readonly responseBody?: unknown;
    readonly responseHeaders?: Readonly<Record<string, string>>;
  };
  const said = errorFields(fields.responseBody) ?? fieldsOf(thrown);
  const status = typeof fields.statusCode === 'number' ? fields.statusCode : undefined;
  const wait = retryAfter(fields.responseHeaders, Date.now());
  const kind = said.kind ?? (brokeOff(thrown) ? 'network' : undefined);
  const text = said.text ?? (typeof fields.message === 'string' ? fields.message : undefined);
  return modelError({
    cause: thrown,
    ...(status === undefined ? {} : { status }),
    ...(kind === undefined ? {} : { kind }),
    ...(text === undefined ? {} : { text }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

/** Egress refused or is down: its own code and advice are more useful than the provider's name. */
function wayOutError(refused: GatehouseError): GatehouseError {
  return MODEL_CODES.error('MODEL_UNAVAILABLE', `the provider cannot be reached: ${refused.message}`, {
    cause: refused,
    fix: refused.fix,
    details: { retryable: refused.code === 'EGRESS_UNAVAILABLE', egress: refused.code },
  });
}

/** The connection failed or ended, as Node (`ECONNRESET`) or its fetch (`UND_ERR_SOCKET`) says somewhere below. */
function brokeOff(thrown: unknown): boolean {
  return causes(thrown).some((item) => {
    if (!(item instanceof Error)) return false;
    const code = 'code' in item ? item.code : undefined;
    if (typeof code === 'string') return /^(?:E[A-Z]+|UND_ERR_[A-Z_]+)$/.test(code);
    return item.message === 'terminated' || item.message.includes('without a finish reason');
  });
}

function causes(thrown: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let item = thrown; item !== undefined && chain.length < 8; ) {
    chain.push(item);
    item = item instanceof Error ? item.cause : undefined;
  }
  return chain;
}

function errorFields(body: unknown): { kind?: string; text?: string } | undefined {
  if (typeof body !== 'string') return undefined;
  try {
    return fieldsOf(JSON.parse(body) as unknown);
  } catch {
    return undefined;
  }
}

/** `{error: {type, code, message}}` of both APIs, or the inner object alone as streams send it. */
function fieldsOf(value: unknown): { kind?: string; text?: string } {
  if (typeof value !== 'object' || value === null || value instanceof Error) return {};
  const inner = 'error' in value && typeof value.error === 'object' ? value.error : value;
  const { type, code, message } = (inner ?? {}) as { type?: unknown; code?: unknown; message?: unknown };
  const kind = [code, type].find((item) => typeof item === 'string' && item !== 'error');
  return {
    ...(typeof kind === 'string' ? { kind } : {}),
    ...(typeof message === 'string' ? { text: message } : {}),
  };
}
