import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConnectionGate, type ListenLimits, normaliseAddress } from '../../controls/listen/index.ts';
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

/** A server whose bounds hold before anybody is authenticated (L5). It does not listen yet. */
export function boundedServer(
  limits: ListenLimits,
  gate: ConnectionGate<Socket> | undefined,
  handler: Handler,
): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      requireHostHeader: true,
      insecureHTTPParser: false,
      noDelay: true,
    },
    handler,
  );
  // One more than is allowed: Node drops further headers silently, and dropping one could hide a forwarding header.
  server.maxHeadersCount = limits.headerCount + 1;
  server.on('connection', (socket: Socket) => {
    if (gate === undefined) return;
    // Peers of a Unix socket have no address; they share one count.
    if (!gate.admit(socket, normaliseAddress(socket.remoteAddress) ?? UNKNOWN_PEER)) socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseConnection(socket as Socket, PARSER_STATUS[error.code ?? ''] ?? '400 Bad Request');
  });
  return server;
}
