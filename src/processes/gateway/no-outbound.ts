import { Socket } from 'node:net';
import type { Logger } from '../../kernel/index.ts';
import { PROCESS_CODES } from '../codes.ts';

type Connect = (this: Socket, ...args: unknown[]) => Socket;

/**
 * E1: the gateway dials nobody. Whatever code asks this process for a TCP connection, ours or a library's, gets a
 * refusal; only Unix sockets (egress) connect.
 */
export function refuseOutbound(logger: Logger): void {
  const prototype = Socket.prototype as unknown as { connect: Connect };
  const connect = prototype.connect;
  prototype.connect = function refusing(this: Socket, ...args: unknown[]): Socket {
    if (isUnixSocket(args)) return connect.apply(this, args);
    const error = PROCESS_CODES.error('GATEWAY_OUTBOUND_REFUSED');
    logger.error(error.message, { code: error.code });
    return this.destroy(error);
  };
}

/** The forms that net.Socket.connect takes: (options), (path), (port, host), or a normalised [options, callback]. */
function isUnixSocket(args: readonly unknown[]): boolean {
  const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === 'string') return first.startsWith('/');
  if (typeof first !== 'object' || first === null) return false;
  const { path, port } = first as { path?: unknown; port?: unknown };
  return typeof path === 'string' && path.startsWith('/') && port === undefined;
}
