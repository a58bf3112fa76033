import type { IncomingMessage } from 'node:http';
import { decompressed } from './decompress.ts';
import { FetchError, openThroughEgress } from './through-egress.ts';

export const DEFAULT_MAX_BYTES = 512 * 1024;
const LARGEST_MAX_BYTES = 8 * 1024 * 1024;
export const MAX_REDIRECTS = 5;
/** For the whole fetch, redirects included. */
export const TIMEOUT_MS = 20_000;
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
    const response = await openThroughEgress(target, options.socketPath, signal);
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
