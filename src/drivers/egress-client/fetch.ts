import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { GatehouseError } from '../../kernel/index.ts';
import { EGRESS_CLIENT_CODES } from './codes.ts';
import { Agent, request as httpRequest } from './node-http.ts';

const MAX_SOCKETS = 64;
/** Bytes of a refusal by egress that are read. */
const MAX_REFUSAL = 65_536;

/**
 * A `fetch` for model clients: every request goes over egress's Unix socket in absolute form, so that the
 * gateway never opens a connection of its own. Answers stream; an aborted signal ends the call upstream too.
 *
 * Fails with EGRESS_UNAVAILABLE when egress is down and with egress's own code when it refuses.
 */
export function providerFetch(providerSocket: string): typeof fetch {
  const agent = new UnixAgent(providerSocket);
  return async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const url = request?.url ?? String(input);
    const method = init?.method ?? request?.method ?? 'GET';
    const signal = init?.signal ?? request?.signal;
    const headers = new Headers(init?.headers ?? request?.headers);
    const body = await bytesOf(init?.body ?? request?.body);
    signal?.throwIfAborted();
    const outgoing: OutgoingHttpHeaders = { ...Object.fromEntries(headers), host: new URL(url).host };
    if (body !== undefined) outgoing['content-length'] = body.byteLength;
    const answer = await exchange({ agent, url, method, headers: outgoing, body, signal });
    const code = answer.headers['x-gatehouse-code'];
    if (typeof code === 'string') throw await refusalOf(answer, code);
    return responseOf(answer);
  };
}

/** Keep-alive connections to one Unix socket, whatever host the request line names. */
class UnixAgent extends Agent {
  readonly #path: string;

  constructor(path: string) {
    super({ keepAlive: true, maxSockets: MAX_SOCKETS });
    this.#path = path;
  }

  override createConnection(): Socket {
    return connect(this.#path);
  }

  /** One pool for all hosts: every one of them is reached through the same socket. */
  override getName(): string {
    return this.#path;
  }
}

interface Exchange {
  readonly agent: UnixAgent;
  readonly url: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal | null | undefined;
}

async function bytesOf(body: RequestInit['body']): Promise<Uint8Array | undefined> {
  if (body === null || body === undefined) return undefined;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  return new Uint8Array(await new Response(body).arrayBuffer());
}

function exchange(what: Exchange): Promise<IncomingMessage> {
  const { agent, url, method, headers, body, signal } = what;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      agent,
      method,
      path: url,
      headers,
      setHost: false,
    });
    const onAbort = (): void => void outgoing.destroy();
    signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.on('error', (cause) => {
      signal?.removeEventListener('abort', onAbort);
      reject(
        signal?.aborted === true
          ? signal.reason
          : EGRESS_CLIENT_CODES.error('EGRESS_UNAVAILABLE', undefined, { cause }),
      );
    });
    outgoing.on('response', (answer) => {
      answer.once('close', () => signal?.removeEventListener('abort', onAbort));
      resolve(answer);
    });
    outgoing.end(body);
  });
}

function responseOf(answer: IncomingMessage): Response {
  const headers = new Headers();
  for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2) {
    headers.append(answer.rawHeaders[i] ?? '', answer.rawHeaders[i + 1] ?? '');
  }
  const status = answer.statusCode ?? 502;
  const empty = status === 204 || status === 205 || status === 304;
  if (empty) answer.resume();
  return new Response(empty ? null : streamOf(answer), {
    status,
    statusText: answer.statusMessage ?? '',
    headers,
  });
}

/**
 * The body as it arrives, pausing the socket while nobody reads. Bytes that were on their way when the reader gave up
 * still come: a controller that has ended throws at them, and nobody would catch that.
 */
function streamOf(answer: IncomingMessage): ReadableStream<Uint8Array> {
  let isOpen = true;
  const end = (how: () => void): void => {
    if (!isOpen) return;
    isOpen = false;
    how();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      answer.on('data', (chunk: Buffer) => {
        if (!isOpen) return;
        controller.enqueue(chunk);
        if ((controller.desiredSize ?? 0) <= 0) answer.pause();
      });
      answer.on('end', () => end(() => controller.close()));
      answer.on('error', (cause) =>
        end(() =>
          controller.error(
            EGRESS_CLIENT_CODES.error('EGRESS_UNAVAILABLE', 'the answer was cut off', { cause }),
          ),
        ),
      );
    },
    pull() {
      if (isOpen) answer.resume();
    },
    cancel() {
      end(() => answer.destroy());
    },
  });
}

async function refusalOf(answer: IncomingMessage, code: string): Promise<GatehouseError> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > MAX_REFUSAL) break;
  }
  let told: { readonly message?: unknown; readonly fix?: unknown } = {};
  try {
    told = JSON.parse(text) as typeof told;
  } catch {
    // The code alone says enough.
  }
  return new GatehouseError(code, typeof told.message === 'string' ? told.message : code, {
    fix: typeof told.fix === 'string' ? told.fix : '',
    status: answer.statusCode ?? 502,
  });
}
