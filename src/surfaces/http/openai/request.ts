import { createHash, randomUUID } from 'node:crypto';
import { HTTP_CODES } from '../codes.ts';
import { type Fields, isFields, optionalBoolean, optionalText, paramError } from './fields.ts';
import { readConversation } from './messages.ts';

/** What a chat completion asks for, as input of the operation agent.run and what shapes the answer. */
export interface ChatRequest {
  readonly input: Readonly<Record<string, unknown>>;
  /** The model name as the caller wrote it; it is repeated in the answer. */
  readonly model: string;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
  /** The caller insists on a call of one of its own tools, which this gateway never makes. */
  readonly requiresToolCall: boolean;
}

/** The headers that OpenClaw's HTTP API knows. */
export interface ChatHeaders {
  readonly agentId?: string;
  readonly sessionKey?: string;
  readonly model?: string;
}

/** `openclaw` and `gatehouse` mean the default agent, `<either>/<agent>` a named one. */
const TARGET = /^(?:openclaw|gatehouse)(?:\/([A-Za-z0-9][A-Za-z0-9_-]{0,63}))?$/;
const DEFAULT_TARGET = 'openclaw';
/** Sessions that only the gateway itself opens. */
const INTERNAL_SESSION = /^(agent:[^:]*:)?(subagent|cron|acp):/;
/** Parameters that change what an answer looks like and that this gateway does not offer. */
const UNSUPPORTED = [
  'logprobs',
  'top_logprobs',
  'logit_bias',
  'stop',
  'functions',
  'function_call',
  'audio',
  'prediction',
  'web_search_options',
] as const;
/** Hints to a model. They are checked and otherwise left to the agent's own configuration. */
const NUMBERS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  temperature: [0, 2],
  top_p: [0, 1],
  presence_penalty: [-2, 2],
  frequency_penalty: [-2, 2],
  max_tokens: [1, Number.MAX_SAFE_INTEGER],
  max_completion_tokens: [1, Number.MAX_SAFE_INTEGER],
};

/**
 * The agent that a model name stands for; undefined is the default one.
 *
 * @throws HTTP_FIELD_INVALID when the name is no agent target
 */
export function agentOfModel(model: string): string | undefined {
  if (model === 'default') return undefined;
  const parts = TARGET.exec(model);
  if (parts === null) throw paramError('model', 'use openclaw, gatehouse, or one of them with /<agent>');
  return parts[1] === 'default' ? undefined : parts[1];
}

/** Read a chat completion request. @throws HTTP_FIELD_INVALID with the parameter's name in details.param */
export function readChatRequest(body: unknown, headers: ChatHeaders): ChatRequest {
  if (!isFields(body)) throw HTTP_CODES.error('HTTP_BODY_INVALID');
  const model = optionalText(body, 'model') ?? DEFAULT_TARGET;
  const agent = headers.agentId ?? agentOfModel(model);
  checkParameters(body);
  const isStream = optionalBoolean(body, 'stream');
  const { instructions, history, message } = readConversation(body['messages']);
  const key = stableSession(body, headers);
  const shared = {
    idempotencyKey: `chatcmpl_${randomUUID()}`,
    ...(agent === undefined ? {} : { agent }),
    ...(headers.model === undefined ? {} : { model: headers.model }),
  };
  // A stable session remembers what was said before; otherwise the caller's own transcript is all there is.
  const input =
    key === undefined
      ? { ...shared, sessionKey: `openai-${randomUUID()}`, message, history: [...instructions, ...history] }
      : {
          ...shared,
          sessionKey: key,
          message: [...instructions.map((i) => i.content), message].join('\n\n'),
        };
  return {
    input,
    model,
    isStream,
    includeUsage: readIncludeUsage(body, isStream),
    requiresToolCall: readTools(body),
  };
}

/** One conversation per `user`, or the session that the caller names. */
function stableSession(body: Fields, headers: ChatHeaders): string | undefined {
  const named = headers.sessionKey;
  if (named !== undefined) {
    if (!INTERNAL_SESSION.test(named)) return named;
    throw paramError('x-openclaw-session-key', 'this session belongs to the gateway itself');
  }
  const user = optionalText(body, 'user');
  if (user === undefined || user === '') return undefined;
  return `openai-user-${createHash('sha256').update(user).digest('hex').slice(0, 32)}`;
}

function checkParameters(body: Fields): void {
  for (const name of UNSUPPORTED) {
    const value = body[name] ?? null;
    if (value !== null && value !== false) throw paramError(name, 'this parameter is not supported');
  }
  if ((body['n'] ?? 1) !== 1) throw paramError('n', 'only one choice is given');
  const format = body['response_format'] ?? { type: 'text' };
  if (!isFields(format) || format['type'] !== 'text') {
    throw paramError('response_format', 'only {"type":"text"} is supported');
  }
  const modalities = body['modalities'] ?? ['text'];
  const isText = Array.isArray(modalities) && modalities.length === 1 && modalities[0] === 'text';
  if (!isText) throw paramError('modalities', 'only text is supported');
  for (const [name, [min, max]] of Object.entries(NUMBERS)) {
    const value = body[name] ?? null;
    if (value === null) continue;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw paramError(
        name,
        max > 2 ? `must be a number of at least ${min}` : `must lie between ${min} and ${max}`,
      );
    }
  }
}

/**
 * A caller's own functions are accepted and never called: the agent's tools are its own, and their calls stay
 * inside. Returns whether the caller insists on a call.
 */
function readTools(body: Fields): boolean {
  const tools = body['tools'] ?? [];
  if (!Array.isArray(tools)) throw paramError('tools', 'must be an array');
  tools.forEach((tool: unknown, i) => {
    if (!isFields(tool) || tool['type'] !== 'function' || !isFields(tool['function'])) {
      throw paramError(`tools[${i}]`, 'only function tools are known');
    }
  });
  const choice = body['tool_choice'] ?? 'auto';
  if (choice === 'auto' || choice === 'none') return false;
  if (choice === 'required' || (isFields(choice) && choice['type'] === 'function')) return true;
  throw paramError('tool_choice', 'must be none, auto, required or a function');
}

function readIncludeUsage(body: Fields, isStream: boolean): boolean {
  const options = body['stream_options'] ?? null;
  if (options === null) return false;
  if (!isStream || !isFields(options))
    throw paramError('stream_options', 'is an object, and only for streams');
  return optionalBoolean(options, 'include_usage');
}
