import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { GatehouseError } from '../../kernel/index.ts';
import { CLI_CODES } from './codes.ts';
import { socketFolderExists, type Target } from './target.ts';

export interface CallRequest {
  readonly id: string;
  readonly input: unknown;
  readonly signal?: AbortSignal;
  /** Set for operations that stream: receives each event. */
  readonly onEvent?: (event: unknown) => void;
}

/** Longest answer, and longest line of a stream, that is read; in UTF-16 code units. */
export const MAX_ANSWER_CHARS = 64 * 1024 * 1024;

/** Errors of connect(2) that say nobody listens; anything later may have had an effect. */
const NOBODY_LISTENS = new Set(['ENOENT', 'ECONNREFUSED']);

function optionsFor(target: Target, call: CallRequest, bytes: number): RequestOptions {
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': bytes,
    accept: call.onEvent === undefined ? 'application/json' : 'application/x-ndjson',
  };
  const path = `/api/v1/${encodeURIComponent(call.id)}`;
  // A fresh connection per call: the CLI ends after it, and an idle one would keep the process alive.
  const common = { method: 'POST', path, headers, agent: false as const };
  if (target.kind === 'socket') {
    return { ...common, socketPath: target.socketPath, headers: { ...headers, host: 'localhost' } };
  }
  headers['authorization'] = `Bearer ${target.token}`;
  return { ...common, host: target.host, port: target.port };
}

function send(target: Target, call: CallRequest): Promise<IncomingMessage> {
  const body = Buffer.from(JSON.stringify(call.input));
  return new Promise((resolve, reject) => {
    const { signal } = call;
    const outgoing = httpRequest({
      ...optionsFor(target, call, body.byteLength),
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', (cause: NodeJS.ErrnoException) => reject(connectionError(cause, call)));
    outgoing.end(body);
  });
}

function connectionError(cause: unknown, { signal }: CallRequest): GatehouseError {
  if (cause instanceof GatehouseError) return cause;
  if (signal?.aborted === true) return CLI_CODES.error('CLI_INTERRUPTED', undefined, { cause });
  const { code = '' } = cause as NodeJS.ErrnoException;
  if (NOBODY_LISTENS.has(code)) return CLI_CODES.error('CLI_GATEWAY_NOT_RUNNING', undefined, { cause });
  return CLI_CODES.error('CLI_GATEWAY_UNREACHABLE', undefined, { cause });
}

/** Lines of the answer, each at most MAX_ANSWER_CHARS long. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    rest += chunk;
    if (rest.length > MAX_ANSWER_CHARS)
      throw CLI_CODES.error('CLI_ANSWER_INVALID', 'the answer is too large');
    let end = rest.indexOf('\n');
    while (end >= 0) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
      end = rest.indexOf('\n');
    }
  }
  if (rest !== '') yield rest;
}

type Answer = Readonly<Record<string, unknown>>;

function parsed(text: string): Answer {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Answer;
  } catch {
    // Said below: anything that is not one JSON object is no answer of a gateway.
  }
  throw CLI_CODES.error('CLI_ANSWER_INVALID');
}

/** The gateway's own error as it stands, with the status of the response. */
function reported(error: unknown, status: number): GatehouseError {
  const { code, message, fix, details } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string') return CLI_CODES.error('CLI_ANSWER_INVALID');
  return new GatehouseError(code, message, {
    status,
    ...(typeof fix === 'string' ? { fix } : {}),
    ...(typeof details === 'object' && details !== null
      ? { details: details as Readonly<Record<string, unknown>> }
      : {}),
  });
}

async function readStream(response: IncomingMessage, onEvent: (event: unknown) => void): Promise<unknown> {
  for await (const line of linesOf(response)) {
    if (line === '') continue;
    const answer = parsed(line);
    if ('event' in answer) onEvent(answer['event']);
    else if ('error' in answer) throw reported(answer['error'], response.statusCode ?? 500);
    else if ('result' in answer) return answer['result'];
    else throw CLI_CODES.error('CLI_ANSWER_INVALID');
  }
  throw CLI_CODES.error('CLI_GATEWAY_UNREACHABLE', 'the gateway ended the answer before it was complete');
}

async function readWhole(response: IncomingMessage): Promise<unknown> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ANSWER_CHARS)
      throw CLI_CODES.error('CLI_ANSWER_INVALID', 'the answer is too large');
  }
  const answer = parsed(text);
  if (answer['ok'] !== true) throw reported(answer['error'], response.statusCode ?? 500);
  return answer['result'];
}

/**
 * Call one operation of a running gateway.
 *
 * @throws CLI_GATEWAY_NOT_RUNNING when nobody listens, CLI_GATEWAY_UNREACHABLE when the connection broke,
 *   CLI_ANSWER_INVALID when something else answered, CLI_INTERRUPTED, or the operation's own code
 */
export async function callGateway(target: Target, call: CallRequest): Promise<unknown> {
  if (target.kind === 'socket' && !socketFolderExists(target.socketPath)) {
    throw CLI_CODES.error('CLI_GATEWAY_NOT_RUNNING');
  }
  const response = await send(target, call);
  const streams = (response.headers['content-type'] ?? '').startsWith('application/x-ndjson');
  try {
    return streams && call.onEvent !== undefined
      ? await readStream(response, call.onEvent)
      : await readWhole(response);
  } catch (cause) {
    throw connectionError(cause, call);
  }
}
