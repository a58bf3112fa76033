import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { decompressed } from './decompress.ts';

export const DEFAULT_MAX_BYTES = 512 * 1024;
const LARGEST_MAX_BYTES = 8 * 1024 * 1024;
export const MAX_REDIRECTS = 5;
/** For the whole fetch, redirects included. */
export const TIMEOUT_MS = 20_000;
const MAX_REFUSAL_BYTES = 16 * 1024;
const MAX_URL_LENGTH = 8 * 1024;

export interface Document {
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly truncated: boolean;
}

export interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly fix?: string };
}

export interface DownloadOptions {
  readonly socketPath: string;
  readonly maxBytes: number;
  readonly timeoutMs?: number;
}

class FetchError extends Error {
  readonly code: string;
  readonly fix: string | undefined;

  constructor(code: string, message: string, fix?: string) {
    super(message);
    this.code = code;
    this.fix = fix;
  }
}

/**
 * Fetch a document through egress. Every redirect is a request of its own, which egress decides anew
 * (attack 30). Never throws: what went wrong is in the answer, and a refusal by egress keeps its code.
 */
export async function download(url: string, options: DownloadOptions): Promise<Document | Failure> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  try {
    if (
      !Number.isSafeInteger(options.maxBytes) ||
      options.maxBytes < 1 ||
      options.maxBytes > LARGEST_MAX_BYTES
    )
      throw new FetchError('FETCH_LIMIT_INVALID', `the limit must be 1 to ${LARGEST_MAX_BYTES} bytes`);
    return await follow(url, options, timeout);
  } catch (thrown) {
    return failureOf(thrown, timeout);
  }
}

function failureOf(thrown: unknown, timeout: AbortSignal): Failure {
  if (thrown instanceof FetchError) {
    const { code, message, fix } = thrown;
    return { error: fix === undefined ? { code, message } : { code, message, fix } };
  }
  if (timeout.aborted)
    return { error: { code: 'FETCH_TIMEOUT', message: 'the server took too long to answer' } };
  const detail = (thrown as NodeJS.ErrnoException).code ?? 'unknown';
  return { error: { code: 'FETCH_FAILED', message: `the connection failed (${detail})` } };
}

async function follow(first: string, options: DownloadOptions, signal: AbortSignal): Promise<Document> {
  let target = parseTarget(first);
  for (let redirects = 0; ; redirects += 1) {
    const response = await open(target, options.socketPath, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined)
      return readDocument(target, response, options.maxBytes);
    response.destroy();
    if (redirects === MAX_REDIRECTS)
      throw new FetchError('FETCH_REDIRECTS', `more than ${MAX_REDIRECTS} redirects`);
    target = parseTarget(headers.location, target);
  }
}

function parseTarget(text: string, base?: URL): URL {
  const url = text.length <= MAX_URL_LENGTH ? URL.parse(text, base?.href) : null;
  if (url === null) throw new FetchError('FETCH_URL_INVALID', 'this is not an absolute URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new FetchError('FETCH_URL_INVALID', 'only http and https URLs can be fetched');
  if (url.username !== '' || url.password !== '')
    throw new FetchError('FETCH_URL_INVALID', 'a URL with a user name or password is not fetched');
  if (base?.protocol === 'https:' && url.protocol === 'http:')
    throw new FetchError('FETCH_DOWNGRADE', 'the server redirects from https to http');
  url.hash = '';
  return url;
}

const REQUEST_HEADERS = {
  accept: 'text/html, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8, */*;q=0.1',
  'accept-encoding': 'gzip, deflate, br',
  'user-agent': 'Gatehouse-Fetch/1',
};

function open(target: URL, socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  return target.protocol === 'https:'
    ? openSecure(target, socketPath, signal)
    : openPlain(target, socketPath, signal);
}

/** Plain HTTP goes in absolute form (RFC 9112, 3.2.2); egress connects. */
async function openPlain(target: URL, socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { ...REQUEST_HEADERS, host: target.host, connection: 'close' };
  const response = await responseTo(
    request({ socketPath, method: 'GET', path: target.href, headers, agent: false, signal }),
  );
  await refuseIfRefused(response);
  return response;
}

/** TLS is between this run and the server, inside a CONNECT tunnel (RFC 9110, 9.3.6). */
async function openSecure(target: URL, socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  const authority = `${target.hostname}:${target.port === '' ? '443' : target.port}`;
  const tunnel = await openTunnel(authority, socketPath, signal);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  const secure = connectTls({
    socket: tunnel,
    host,
    ...(/[:]|^[\d.]+$/.test(host) ? {} : { servername: host }),
    ALPNProtocols: ['http/1.1'],
    ...authorities(),
  });
  return responseTo(
    secureRequest({
      createConnection: () => secure,
      host: target.hostname,
      method: 'GET',
      path: `${target.pathname}${target.search}`,
      headers: { ...REQUEST_HEADERS, host: target.host, connection: 'close' },
      agent: false,
      signal,
    }),
  );
}

function openTunnel(authority: string, socketPath: string, signal: AbortSignal): Promise<Socket> {
  const asked = request({
    socketPath,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority },
    agent: false,
    signal,
  });
  return new Promise((resolve, reject) => {
    asked.once('error', reject);
    asked.once('connect', (response, socket, head) => {
      if (response.statusCode === 200 && head.length === 0) resolve(socket as Socket);
      else if (response.statusCode === 200) {
        socket.destroy();
        reject(new FetchError('FETCH_FAILED', 'the tunnel began with bytes that nobody asked for'));
      } else
        collectRefusal(response.headers['x-gatehouse-code'], response.statusCode, socket, head).then(
          reject,
          reject,
        );
    });
    asked.end();
  });
}

function responseTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', resolve);
    asked.end();
  });
}

/** Only egress can set this header: it takes the name out of everything a server answers. */
async function refuseIfRefused(response: IncomingMessage): Promise<void> {
  const code = response.headers['x-gatehouse-code'];
  if (code === undefined) return;
  throw await collectRefusal(code, response.statusCode, response, Buffer.alloc(0));
}

async function collectRefusal(
  code: string | string[] | undefined,
  status: number | undefined,
  stream: AsyncIterable<Buffer>,
  head: Buffer,
): Promise<FetchError> {
  const chunks = [head];
  let size = head.length;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_REFUSAL_BYTES) break;
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const told = parseRefusal(text);
  const name = told.code ?? (typeof code === 'string' ? code : 'FETCH_PROXY_REFUSED');
  return new FetchError(name, told.message ?? `egress answered ${status ?? 'nothing'}`, told.fix);
}

function parseRefusal(text: string): { code?: string; message?: string; fix?: string } {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return {};
    const { code, message, fix } = parsed as Record<string, unknown>;
    return {
      ...(typeof code === 'string' ? { code } : {}),
      ...(typeof message === 'string' ? { message } : {}),
      ...(typeof fix === 'string' ? { fix } : {}),
    };
  } catch {
    return text.trim() === '' ? {} : { message: text.trim().slice(0, 500) };
  }
}

/** The system's certificate authorities, as Debian, Fedora and Alpine keep them; Node's own where there are none. */
function authorities(): { readonly ca?: string } {
  const files = [
    process.env['SSL_CERT_FILE'],
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/cert.pem',
  ];
  for (const file of files) {
    try {
      if (file !== undefined) return { ca: readFileSync(file, 'utf8') };
    } catch {
      continue;
    }
  }
  return {};
}

const TEXT_LIKE =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml|javascript|x-ndjson|toml)\b|application\/(?:x-yaml|x-sh)\b)/;

async function readDocument(target: URL, response: IncomingMessage, maxBytes: number): Promise<Document> {
  const contentType = response.headers['content-type'] ?? '';
  if (!TEXT_LIKE.test(contentType.toLowerCase())) {
    response.destroy();
    throw new FetchError('FETCH_NOT_TEXT', 'the server answered with something that is not text');
  }
  const { bytes, truncated } = await readUpTo(decompressed(response), maxBytes);
  response.destroy();
  return {
    url: target.href,
    status: response.statusCode ?? 0,
    contentType,
    body: decode(bytes, contentType),
    truncated,
  };
}

/** Counts what comes out of decompression, so that a small bomb cannot become a large text (attack 92). */
async function readUpTo(
  stream: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const room = maxBytes - size;
    chunks.push(chunk.subarray(0, room));
    size += Math.min(chunk.length, room);
    if (chunk.length > room) return { bytes: Buffer.concat(chunks), truncated: true };
  }
  return { bytes: Buffer.concat(chunks), truncated: false };
}

function decode(bytes: Buffer, contentType: string): string {
  const charset = /charset="?([\w.:-]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
