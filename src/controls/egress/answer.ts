import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { GatehouseError } from '../../kernel/index.ts';
import { STATUS_CODES } from './node-http.ts';

/** What a refused agent is told: which rule refused it and how to ask (E8). */
function body(refusal: GatehouseError): string {
  const { rule } = refusal.details;
  return JSON.stringify({
    code: refusal.code,
    rule: typeof rule === 'string' ? rule : '(none)',
    message: refusal.message,
    fix: refusal.fix,
  });
}

export function answerRefusal(response: ServerResponse, refusal: GatehouseError): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = body(refusal);
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-gatehouse-code': refusal.code,
    connection: 'close',
  });
  response.end(text);
}

/** The same on a bare socket: CONNECT and requests that could not be parsed have no response object. */
export function answerRefusalOn(socket: Socket, refusal: GatehouseError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = body(refusal);
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n` +
      `x-gatehouse-code: ${refusal.code}\r\nconnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
