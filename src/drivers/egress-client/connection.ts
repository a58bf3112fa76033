import { connect, type Socket } from 'node:net';
import { GatehouseError } from '../../kernel/index.ts';
import { EGRESS_CLIENT_CODES } from './codes.ts';
import { type ControlMethod, type ControlRequest, type ControlResponse, LineSplitter } from './protocol.ts';

/** Milliseconds that one call may take. */
const CALL_TIMEOUT_MS = 30_000;

interface Pending {
  readonly timer: NodeJS.Timeout;
  resolve(result: unknown): void;
  reject(error: GatehouseError): void;
}

/** One life of the control connection: calls are answered, or rejected when it ends. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #next = 1;

  private constructor(socket: Socket, onClose: () => void) {
    this.#socket = socket;
    const lines = new LineSplitter();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) this.#settle(JSON.parse(line) as ControlResponse);
      } catch {
        // The peer is egress itself: anything unreadable means that this connection is broken.
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      for (const pending of this.#pending.values()) {
        clearTimeout(pending.timer);
        pending.reject(EGRESS_CLIENT_CODES.error('EGRESS_UNAVAILABLE'));
      }
      this.#pending.clear();
      onClose();
    });
  }

  /** Connect once; rejects when nobody listens. */
  static open(path: string, onClose: () => void): Promise<ControlConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new ControlConnection(socket, onClose));
      });
    });
  }

  call(method: ControlMethod, params: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#next;
      this.#next += 1;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(EGRESS_CLIENT_CODES.error('EGRESS_CALL_TIMEOUT'));
      }, CALL_TIMEOUT_MS);
      this.#pending.set(id, { timer, resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, method, params } satisfies ControlRequest)}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #settle(response: ControlResponse): void {
    const pending = this.#pending.get(response.id);
    if (pending === undefined) return;
    this.#pending.delete(response.id);
    clearTimeout(pending.timer);
    if ('result' in response) {
      pending.resolve(response.result);
      return;
    }
    const { code, message, fix, status, details } = response.error;
    pending.reject(
      new GatehouseError(code, message, { fix, status, ...(details === undefined ? {} : { details }) }),
    );
  }
}
