import { createServer, type Server, type Socket } from 'node:net';
import {
  CONTROL_METHODS,
  type ControlFailure,
  type ControlMethod,
  type ControlResponse,
  LineSplitter,
} from '../../drivers/egress-client/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';

export type ControlHandlers = Readonly<
  Record<ControlMethod, (params: Readonly<Record<string, unknown>>) => unknown>
>;

/** Takes the gateway's calls on `run/egress.sock`. Calls run beside each other; each gets one answer. */
export class ControlServer {
  readonly #handlers: ControlHandlers;
  readonly #onCount: (connections: number) => void;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(handlers: ControlHandlers, onCount: (connections: number) => void) {
    this.#handlers = handlers;
    this.#onCount = onCount;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.#onCount(this.#sockets.size);
    const lines = new LineSplitter();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#onCount(this.#sockets.size);
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) void this.#answer(socket, JSON.parse(line));
      } catch {
        socket.destroy();
      }
    });
  }

  async #answer(socket: Socket, request: unknown): Promise<void> {
    const { id, method, params } = (request ?? {}) as { id?: unknown; method?: unknown; params?: unknown };
    const known = CONTROL_METHODS.find((name) => name === method);
    if (typeof id !== 'number' || known === undefined) {
      socket.destroy();
      return;
    }
    const response = await this.#call(id, known, params);
    if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
  }

  async #call(id: number, method: ControlMethod, params: unknown): Promise<ControlResponse> {
    try {
      const given =
        typeof params === 'object' && params !== null ? (params as Readonly<Record<string, unknown>>) : {};
      return { id, result: (await this.#handlers[method](given)) ?? null };
    } catch (thrown) {
      return { id, error: failureOf(thrown) };
    }
  }
}

/** What may be said about an error: code, message and fix, never its cause. */
function failureOf(thrown: unknown): ControlFailure {
  const error = asGatehouseError(thrown);
  return { ...error.toJSON(), status: error.status };
}
