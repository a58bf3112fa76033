import { spawn } from 'node:child_process';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';

const HOST = '127.0.0.1';
/** Connections at once; more are closed as they arrive. Egress has its own limit behind this. */
export const MAX_CONNECTIONS = 128;
const CANNOT_START = 127;

/** Every name under which a program looks for its proxy; what the run was given under them is replaced. */
export function proxyEnvironment(port: number): Record<string, string> {
  const url = `http://${HOST}:${port}`;
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
  return { ...Object.fromEntries(names.map((name) => [name, url])), NODE_USE_ENV_PROXY: '1' };
}

/** Copies bytes both ways with back-pressure; either side may finish sending first (RFC 9293, 3.6). */
function join(client: Socket, socketPath: string): void {
  const egress = createConnection({ path: socketPath, allowHalfOpen: true });
  const close = () => {
    client.destroy();
    egress.destroy();
  };
  client.on('error', close);
  egress.on('error', close);
  client.pipe(egress);
  egress.pipe(client);
}

/** Start listening; resolves when connections are accepted. Port 0 takes any free one. */
export function listen(socketPath: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => join(client, socketPath));
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

/** Run the command to its end; the exit code is its own, or 128 and its signal's number. */
export function runCommand(command: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', env: environment });
  const forwarded: readonly NodeJS.Signals[] = [
    'SIGTERM',
    'SIGINT',
    'SIGHUP',
    'SIGQUIT',
    'SIGUSR2',
    'SIGWINCH',
  ];
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve) => {
    const end = (code: number) => {
      for (const signal of forwarded) process.off(signal, forward);
      resolve(code);
    };
    child.on('error', (error) => {
      process.stderr.write(`cannot start ${program}: ${(error as NodeJS.ErrnoException).code ?? 'failed'}\n`);
      end(CANNOT_START);
    });
    child.on('exit', (code, signal) => end(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
  });
}
