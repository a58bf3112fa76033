import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const MAX_REFUSAL_BYTES = 16 * 1024;

/** Why there is no document, with a stable code: egress's own, or one that begins with FETCH_. */
export class FetchError extends Error {
  readonly code: string;
  readonly fix: string | undefined;

  constructor(code: string, message: string, fix?: string) {
    super(message);
    this.code = code;
    this.fix = fix;
  }
}

const REQUEST_HEADERS = {
  accept: 'text/html, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8, */*;q=0.1',
  'accept-encoding': 'gzip, deflate, br',
  'user-agent': 'Gatehouse-Fetch/1',
};

/** Ask for a page through egress and resolve to its answer; a refusal by egress rejects with its own code. */
export function openThroughEgress(
  target: URL,
  socketPath: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
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
  // Whichever of the two breaks first takes the other with it; the request reports what happened.
  secure.on('error', () => tunnel.destroy());
  tunnel.on('error', () => secure.destroy());
  return responseTo(
    secureRequest({
      createConnection: () => secure,
      host: target.hostname,
      method: 'GET',
      path: `${target.pathname}${target.search}`,
      headers: { ...REQUEST_HEADERS, host: target.host, connection: 'close' },
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
