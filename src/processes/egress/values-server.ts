import { createServer, type Server, type Socket } from 'node:net';
import { MAX_OFFERED, type OfferedValue } from '../../controls/secrets/index.ts';
import { LineSplitter } from '../../drivers/egress-client/index.ts';
import type { RunRegistry, WorkspaceValues } from './run-registry.ts';

/** Milliseconds for the masker to say what it came to say. */
const HELLO_MS = 10_000;
/** Connections at once; each stands for one run. */
const MAX_CONNECTIONS = 512;
const MAX_VALUE_CHARS = 8_192;

/**
 * Takes credentials of workspaces from the masker on `run/values.sock`, one connection per run. Values only ever come
 * in: what is wanted, and where each value may go, egress knows from the configuration alone, and nothing that anybody
 * says here widens it. A run's values are held while it is open and while its connection lasts, whichever ends first.
 */
export class ValuesServer {
  readonly #runs: Pick<RunRegistry, 'workspaceOf'>;
  readonly #sockets = new Set<Socket>();
  /** Runs that somebody speaks for: a second one is refused. */
  readonly #spoken = new Set<string>();
  readonly #server: Server;

  constructor(runs: Pick<RunRegistry, 'workspaceOf'>) {
    this.#runs = runs;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
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
    const lines = new LineSplitter();
    let run: string | undefined;
    let workspace: WorkspaceValues | undefined;
    const timer = setTimeout(() => socket.destroy(), HELLO_MS);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      if (workspace !== undefined) workspace.hold([]);
      if (run !== undefined) this.#spoken.delete(run);
    });
    const hello = (said: unknown): void => {
      const named = field(said, 'run');
      workspace =
        typeof named === 'string' && !this.#spoken.has(named) ? this.#runs.workspaceOf(named) : undefined;
      if (workspace === undefined) return void socket.end('{"wanted":[]}\n');
      run = String(named);
      this.#spoken.add(run);
      socket.write(`${JSON.stringify({ wanted: workspace.wanted })}\n`);
    };
    const take = (to: WorkspaceValues, said: unknown): void => {
      const values = valuesOf(said, new Set(to.wanted.map(({ name }) => name)));
      clearTimeout(timer);
      to.hold(values);
      socket.write(`${JSON.stringify({ held: values.length })}\n`);
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) {
          const said: unknown = JSON.parse(line);
          if (workspace === undefined) hello(said);
          else take(workspace, said);
        }
      } catch {
        socket.destroy();
      }
    });
  }
}

function field(said: unknown, name: string): unknown {
  return typeof said === 'object' && said !== null
    ? (said as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** @throws TypeError for anything but values of secrets that were asked for. */
function valuesOf(said: unknown, wanted: ReadonlySet<string>): readonly OfferedValue[] {
  const values = field(said, 'values');
  if (!Array.isArray(values) || values.length > MAX_OFFERED) throw new TypeError('not a list of values');
  return values.map((one: unknown) => {
    const [name, placeholder, value] = ['name', 'placeholder', 'value'].map((key) => field(one, key));
    const fits = [name, placeholder, value].every(
      (text) => typeof text === 'string' && text !== '' && text.length <= MAX_VALUE_CHARS,
    );
    if (!fits || !wanted.has(String(name))) throw new TypeError('not a value that was asked for');
    return { name: String(name), placeholder: String(placeholder), value: String(value) };
  });
}
