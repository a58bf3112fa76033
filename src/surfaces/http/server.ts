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

/** Failures of Node's own parser, before there is a request (RFC 9110 section 15.5). */
const PARSER_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

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
  readonly onRefused: (
    code: 'LISTEN_ADDRESS_NOT_ALLOWED' | 'LISTEN_TLS_HANDSHAKE_FAILED',
    address: string,
  ) => void;
  /** TCP connections below TLS ones, by their remote end. */
  readonly below: Map<string, Socket>;
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
  const { limits, gate, options, handler, onRefused, below } = parts;
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
  server.on('connection', (socket: Socket) => {
    if (gate === undefined) return;
    // Peers of a Unix socket have no address; they share one count.
    const address = normaliseAddress(socket.remoteAddress) ?? UNKNOWN_PEER;
    if (options.admits?.(address) === false) {
      onRefused('LISTEN_ADDRESS_NOT_ALLOWED', address);
      socket.destroy();
      return;
    }
    if (!gate.admit(socket, address)) return void socket.destroy();
    if (options.tls === undefined) return;
    const end = remoteEnd(socket);
    below.set(end, socket);
    socket.once('close', () => below.delete(end));
  });
  // Apart from 401s: whoever fails here never made a request (L7).
  server.on('tlsClientError', (_error, socket: Socket) => {
    onRefused('LISTEN_TLS_HANDSHAKE_FAILED', normaliseAddress(socket.remoteAddress) ?? UNKNOWN_PEER);
    socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseConnection(socket as Socket, PARSER_STATUS[error.code ?? ''] ?? '400 Bad Request');
  });
  return server;
}
