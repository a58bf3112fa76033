import type { Socket } from 'node:net';
import { asGatehouseError } from '../../kernel/index.ts';
import { type Hello, readClientHello, SecondHelloWatch, tlsAlert } from './client-hello.ts';
import type { EgressCode } from './codes.ts';
import { dial } from './dial.ts';
import type { Gate } from './gate.ts';
import type { RunMeter } from './meter.ts';
import { type Handle, reasonOf, type Via } from './passage.ts';
import { pump } from './pump.ts';
import { codedRefusal } from './record.ts';
import { protocolOf } from './rules.ts';
import type { Target } from './types.ts';

const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';
const ALERT_UNRECOGNIZED_NAME = 112;
const ALERT_INTERNAL_ERROR = 80;
const HANDSHAKE_BYTE = 22;

export interface TunnelParts {
  readonly gate: Gate;
  readonly meter: RunMeter;
  /** Takes over a tunnel that carries plain HTTP; its requests are judged one by one. */
  serveHttp(socket: Socket, early: Buffer, handle: Handle): void;
  /** Takes over a TLS tunnel whose requests have to be judged; the ClientHello was judged already. */
  serveIntercepted(socket: Socket, early: Buffer, handle: Handle): Promise<void>;
}

/**
 * Serve an admitted CONNECT. The client's first bytes are judged before the host is dialled, so a tunnel that
 * is not what its rule allows never touches the host (E4).
 */
export async function serveTunnel(
  parts: TunnelParts,
  client: Socket,
  head: Buffer,
  handle: Handle,
): Promise<void> {
  const { passage } = handle;
  const protocol = protocolOf(passage.rule, passage.target);
  if (protocol === 'tcp') return serveOpaque(parts, client, head, handle);
  client.write(ESTABLISHED);
  const first = await firstBytes(parts.gate, client, head, handle, protocol !== 'http');
  if (first.kind === 'tls' && protocol !== 'http') {
    if (passage.intercepted) return intercepted(parts, client, first.bytes, handle);
    return serveTls(parts, client, first.bytes, handle);
  }
  if (first.kind === 'http' && protocol !== 'tls') return parts.serveHttp(client, first.bytes, handle);
  const code =
    first.kind === 'refused' ? first.code : protocol === 'http' ? 'EGRESS_SCHEME_REFUSED' : 'EGRESS_NOT_TLS';
  return endRefused(parts.gate, client, handle, code);
}

async function intercepted(parts: TunnelParts, client: Socket, bytes: Buffer, handle: Handle): Promise<void> {
  try {
    await parts.serveIntercepted(client, bytes, handle);
  } catch (thrown) {
    return endRefused(parts.gate, client, handle, asGatehouseError(thrown).code as EgressCode);
  }
}

type FirstBytes =
  | { readonly kind: 'tls' | 'http'; readonly bytes: Buffer }
  | { readonly kind: 'refused'; readonly code: EgressCode };

/** Collect until the client's first bytes say what the tunnel carries; bounded in bytes and time (attacks 43, 91). */
function firstBytes(
  gate: Gate,
  client: Socket,
  head: Buffer,
  handle: Handle,
  tls: boolean,
): Promise<FirstBytes> {
  const { helloBytes, helloMs } = gate.limits;
  return new Promise((resolve) => {
    let bytes = head;
    const settle = (result: FirstBytes): void => {
      clearTimeout(timer);
      client.off('data', onData);
      client.off('close', onClose);
      handle.signal.removeEventListener('abort', onAbort);
      client.pause();
      resolve(result);
    };
    const refused = (code: EgressCode): void => settle({ kind: 'refused', code });
    const onClose = (): void => refused('EGRESS_NOT_TLS');
    const onAbort = (): void => refused(reasonOf(handle.signal).code as EgressCode);
    const judge = (): void => {
      const [first] = bytes;
      if (first === undefined) return;
      if (first !== HANDSHAKE_BYTE) {
        if (isMethodStart(first)) settle({ kind: 'http', bytes });
        else refused('EGRESS_NOT_TLS');
        return;
      }
      if (!tls) return settle({ kind: 'tls', bytes });
      const hello = readClientHello(bytes);
      const code = helloRefusal(hello, handle.passage.target);
      if (code !== undefined) return refused(code);
      if (hello.state === 'hello') return settle({ kind: 'tls', bytes });
      if (bytes.length >= helloBytes) refused('EGRESS_TLS_MALFORMED');
    };
    const onData = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      judge();
    };
    const timer = setTimeout(() => refused('EGRESS_TLS_MALFORMED'), helloMs);
    client.on('data', onData);
    client.once('close', onClose);
    client.once('end', onClose);
    handle.signal.addEventListener('abort', onAbort);
    if (handle.signal.aborted) onAbort();
    else judge();
  });
}

function isMethodStart(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

/** Why a ClientHello does not fit the tunnel; undefined when it does or is not complete yet. */
function helloRefusal(hello: Hello, target: Target): EgressCode | undefined {
  switch (hello.state) {
    case 'more':
      return undefined;
    case 'not-tls':
      return 'EGRESS_NOT_TLS';
    case 'malformed':
      return 'EGRESS_TLS_MALFORMED';
    case 'hello':
      if (hello.hidden) return 'EGRESS_TLS_NAME_HIDDEN';
      // RFC 6066 section 3: an address is never sent as server name, so for a literal there must be none.
      return hello.name === (target.literal === 0 ? target.host : null)
        ? undefined
        : 'EGRESS_TLS_NAME_MISMATCH';
  }
}

async function serveTls(parts: TunnelParts, client: Socket, bytes: Buffer, handle: Handle): Promise<void> {
  const { target } = handle.passage;
  const { helloBytes } = parts.gate.limits;
  const watch = new SecondHelloWatch((hello) => helloRefusal(hello, target) === undefined, helloBytes);
  const first = readClientHello(bytes);
  const rest = first.state === 'hello' ? bytes.subarray(first.length) : bytes;
  if (rest.length > 0 && !watch.feed(rest)) {
    return endRefused(parts.gate, client, handle, 'EGRESS_TLS_NAME_MISMATCH');
  }
  const inspect = (chunk: Buffer): EgressCode | undefined =>
    watch.feed(chunk) ? undefined : 'EGRESS_TLS_NAME_MISMATCH';
  await join(parts, client, bytes, handle, inspect, () => client.end(tlsAlert(ALERT_INTERNAL_ERROR)));
}

async function serveOpaque(parts: TunnelParts, client: Socket, head: Buffer, handle: Handle): Promise<void> {
  const upstream = await dial(handle.passage, parts.gate.limits.connectMs);
  client.write(ESTABLISHED);
  await relay(parts, client, upstream, head, handle);
}

async function join(
  parts: TunnelParts,
  client: Socket,
  bytes: Buffer,
  handle: Handle,
  inspect: (chunk: Buffer) => EgressCode | undefined,
  onDialFailed: () => void,
): Promise<void> {
  let upstream: Socket;
  try {
    upstream = await dial(handle.passage, parts.gate.limits.connectMs);
  } catch {
    onDialFailed();
    handle.finish({ sent: 0, received: 0, code: 'EGRESS_CONNECT_FAILED' });
    return;
  }
  await relay(parts, client, upstream, bytes, handle, inspect);
}

async function relay(
  { gate, meter }: TunnelParts,
  client: Socket,
  upstream: Socket,
  early: Buffer,
  handle: Handle,
  inspect?: (chunk: Buffer) => EgressCode | undefined,
): Promise<void> {
  if (client.destroyed) {
    upstream.destroy();
    handle.finish({ sent: 0, received: 0 });
    return;
  }
  if (early.length > 0) upstream.write(early);
  meter.move(early.length);
  const options = { handle, meter, idleMs: gate.limits.idleMs };
  const ending = await pump(client, upstream, inspect === undefined ? options : { ...options, inspect });
  handle.finish({ ...ending, sent: ending.sent + early.length });
}

/** End a tunnel that was already answered with 200: recorded like any refusal, told as a TLS alert. */
async function endRefused(gate: Gate, client: Socket, handle: Handle, code: EgressCode): Promise<void> {
  const { subject, target, decision } = handle.passage;
  await gate.refused(codedRefusal(code, target, decision), subject, 'connect' satisfies Via);
  handle.finish({ sent: 0, received: 0, code });
  if (client.writable) client.end(tlsAlert(ALERT_UNRECOGNIZED_NAME), () => client.destroy());
  else client.destroy();
}
