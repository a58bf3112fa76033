import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Plane } from '../../controls/auth/types.ts';
import {
  type ConnectionGate,
  type ListenLimits,
  normaliseAddress,
  type TlsMaterial,
} from '../../controls/listen/index.ts';
import { SECURITY_HEADERS } from './headers.ts';

/** Stands for the address of a peer that has none. It is never trusted and never exempt. */
export const UNKNOWN_PEER = 'unknown';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What a connection is recorded with that got no further than its transport or its first bytes. */
export type EarlyRefusal =
  | 'LISTEN_ADDRESS_NOT_ALLOWED'
  | 'LISTEN_TLS_HANDSHAKE_FAILED'
  | 'LISTEN_HEADERS_TOO_LARGE'
  | 'LISTEN_REQUEST_MALFORMED';

/** Failures of Node's own parser, before there is a request (RFC 9110 section 15.5). */
const PARSER_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** A client that left, or was slow, is nobody's refusal; what cannot be parsed is. */
function parserRefusal(code: string | undefined): EarlyRefusal | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'LISTEN_HEADERS_TOO_LARGE';
  const left = code === 'HPE_INVALID_EOF_STATE';
  return !left && code?.startsWith('HPE_') === true ? 'LISTEN_REQUEST_MALFORMED' : undefined;
}

function refuseConnection(socket: Socket, status: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const headers = Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('')}connection: close\r\ncontent-length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}

/** What one listener is for, and what holds on it before there is a request. */
export interface ServerOptions {
  readonly plane: Plane;
  /** Others than this machine can reach it. */
  readonly exposed: boolean;
  /** Present for TLS; read anew when certificates change. */
  readonly tls?: TlsMaterial | undefined;
  /** Whether this address may connect at all (L8). */
  readonly admits?: ((address: string) => boolean) | undefined;
}

export interface ServerParts {
  readonly limits: ListenLimits;
  readonly gate: ConnectionGate<Socket> | undefined;
  readonly options: ServerOptions;
  readonly handler: Handler;
  /** A connection that got no further than its transport. */
  readonly onRefused: (code: EarlyRefusal, address: string) => void;
  /** TCP connections below TLS ones, by their remote end. */
  readonly below: Map<string, Socket>;
  /** Connections that have not sent anything yet. */
  readonly silent: Set<Socket>;
}

/** Names the remote end of a connection; a TLS connection and the TCP connection below it have the same. */
export function remoteEnd(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? ''} ${socket.localPort ?? ''}`;
}

/** TLS 1.3 and nothing else; no renegotiation exists in it (RFC 8446 section 1.2). */
function tlsOptions(tls: TlsMaterial) {
  return {
    cert: tls.cert,
    key: tls.key,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    minVersion: 'TLSv1.3',
    requestCert: tls.clientAuth !== 'none',
    rejectUnauthorized: tls.clientAuth === 'required',
  } as const;
}

/** New connections get the new certificate; open ones go on. */
export function renewCertificate(server: Server, tls: TlsMaterial): void {
  if (server instanceof TlsServer) server.setSecureContext(tlsOptions(tls));
}

/** A server whose bounds hold before anybody is authenticated (L5). It does not listen yet. */
export function boundedServer(parts: ServerParts): Server {
  const { limits, gate, options, handler, onRefused, below, silent } = parts;
  const bounds = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    requireHostHeader: true,
    insecureHTTPParser: false,
    noDelay: true,
  };
  const server: Server =
    options.tls === undefined
      ? createServer(bounds, handler)
      : createTlsServer(
          { ...bounds, ...tlsOptions(options.tls), handshakeTimeout: limits.headersTimeoutMs },
          handler,
        );
  // One more than is allowed: Node drops further headers silently, and dropping one could hide a forwarding header.
  server.maxHeadersCount = limits.headerCount + 1;
  closeStalled(server, limits.stallMs);
  if (gate === undefined) return server;
  // Whoever holds a connection open and says nothing costs a socket, and neither a parser nor TLS (attack 91).
  const accept = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // Peers of a Unix socket have no address; they share one count.
    const address = normaliseAddress(socket.remoteAddress) ?? UNKNOWN_PEER;
    if (options.admits?.(address) === false) {
      onRefused('LISTEN_ADDRESS_NOT_ALLOWED', address);
      socket.destroy();
      return;
    }
    if (!gate.admit(socket, address)) return void socket.destroy();
    if (options.tls !== undefined) {
      const end = remoteEnd(socket);
      below.set(end, socket);
      socket.once('close', () => below.delete(end));
    }
    untilFirstByte(socket, limits.headersTimeoutMs, silent, () => {
      for (const listener of accept) listener.call(server, socket);
    });
  });
  // Apart from 401s: whoever fails here never made a request (L7).
  server.on('tlsClientError', (_error, socket: Socket) => {
    onRefused('LISTEN_TLS_HANDSHAKE_FAILED', normaliseAddress(socket.remoteAddress) ?? UNKNOWN_PEER);
    socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const code = parserRefusal(error.code);
    const peer = normaliseAddress((socket as Socket).remoteAddress);
    if (code !== undefined && peer !== undefined) onRefused(code, peer);
    refuseConnection(socket as Socket, PARSER_STATUS[error.code ?? ''] ?? '400 Bad Request');
  });
  return server;
}

/** Wait for the first byte; a connection that sends none is closed without a word when its time is up. */
function untilFirstByte(socket: Socket, timeoutMs: number, silent: Set<Socket>, accept: () => void): void {
  const end = () => socket.destroy();
  silent.add(socket);
  socket.on('error', end);
  socket.once('close', () => silent.delete(socket));
  socket.setTimeout(timeoutMs, end);
  socket.once('readable', () => {
    silent.delete(socket);
    socket.setTimeout(0);
    socket.off('timeout', end);
    if (socket.destroyed) return;
    // Nothing to read: the peer closed its side without having said anything.
    if (socket.readableLength === 0) return end();
    accept();
    socket.off('error', end);
  });
}

/**
 * Close connections whose reader takes nothing of what waits for it, and idle ones. Node calls a socket idle only
 * when not even a part of a large write went out; one whose answer is still being worked on is not idle.
 */
function closeStalled(server: Server, stallMs: number): void {
  const answering = new WeakMap<Socket, number>();
  const count = (socket: Socket, step: 1 | -1) => answering.set(socket, (answering.get(socket) ?? 0) + step);
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  server.setTimeout(stallMs, (socket) => {
    const isWorking = (answering.get(socket) ?? 0) > 0 && socket.writableLength === 0;
    if (isWorking) socket.setTimeout(stallMs);
    else socket.destroy();
  });
}
