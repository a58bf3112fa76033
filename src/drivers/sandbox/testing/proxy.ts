import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createConnection, type Socket } from 'node:net';

/** What a stand-in for egress saw, and how it answers. */
export interface FakeEgress extends AsyncDisposable {
  readonly seen: readonly string[];
  readonly server: Server;
}

export interface FakeAnswers {
  /** Answer to a request in absolute form. */
  readonly plain?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Port on the host's loopback that every CONNECT leads to; absent refuses. */
  readonly tunnelTo?: number;
}

export const REFUSAL = {
  code: 'EGRESS_HOST_NOT_ALLOWED',
  rule: '(none)',
  message: 'no rule allows this host',
  fix: 'ask the operator for a rule',
};

export function refuse(response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'application/json', 'x-gatehouse-code': REFUSAL.code });
  response.end(JSON.stringify(REFUSAL));
}

/** An HTTP proxy on a Unix socket that speaks as egress does: absolute form, CONNECT, refusals with a code. */
export async function fakeEgress(path: string, answers: FakeAnswers): Promise<FakeEgress> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (answers.plain === undefined) refuse(response);
    else answers.plain(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    if (answers.tunnelTo === undefined) {
      const text = JSON.stringify(REFUSAL);
      socket.end(
        `HTTP/1.1 403 Forbidden\r\nx-gatehouse-code: ${REFUSAL.code}\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      );
      return;
    }
    const upstream = createConnection(answers.tunnelTo, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    seen,
    server,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
