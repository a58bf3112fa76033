import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { CliIo, CliParts, LocalGateway } from '../io.ts';
import { runCli } from '../main.ts';

/** One request as the gateway saw it. */
interface SeenCall {
  readonly id: string;
  readonly input: unknown;
  readonly headers: IncomingMessage['headers'];
}

export type Answer = (call: SeenCall, response: ServerResponse) => unknown;

/** A gateway's socket with scripted answers: an object is the result, undefined means `answer` wrote itself. */
export interface FakeGateway extends AsyncDisposable {
  readonly socketPath: string;
  readonly port: number | undefined;
  readonly calls: readonly SeenCall[];
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

export async function fakeGateway(answer: Answer, over: 'socket' | 'tcp' = 'socket'): Promise<FakeGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-cli-'));
  chmodSync(folder, 0o700);
  const socketPath = join(folder, 'gateway.sock');
  const calls: SeenCall[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const id = (request.url ?? '').replace('/api/v1/', '');
      const call = { id, input: await bodyOf(request), headers: request.headers };
      calls.push(call);
      const result = await answer(call, response);
      if (result !== undefined) json(response, 200, { ok: true, result });
    })();
  });
  server.listen(over === 'socket' ? socketPath : { host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  return {
    socketPath,
    port: typeof address === 'object' ? address?.port : undefined,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  json(response, status, { ok: false, error: { code, message: `no: ${code}`, fix: 'do the other thing' } });
}

/** Begin a stream; the caller writes lines and ends it. */
export function stream(response: ServerResponse): {
  event(event: object): void;
  result(result: object): void;
  error(error: object): void;
} {
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
  const line = (value: object) => response.write(`${JSON.stringify(value)}\n`);
  return {
    event: (event) => line({ event }),
    result(result) {
      line({ result });
      response.end();
    },
    error(error) {
      line({ error });
      response.end();
    },
  };
}

/** A home in which nothing is. */
const ABSENT_HOME: CliParts['paths'] = {
  home: join(tmpdir(), 'gh-absent'),
  config: join(tmpdir(), 'gh-absent', 'gatehouse.json'),
  playbooks: join(tmpdir(), 'gh-absent', 'playbooks'),
  policy: join(tmpdir(), 'gh-absent', 'policy'),
  workspaces: join(tmpdir(), 'gh-absent', 'workspaces'),
};

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly socketPath?: string;
  readonly paths?: CliParts['paths'];
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly command?: string;
  readonly local?: () => Promise<LocalGateway>;
  readonly processes?: Partial<CliParts['processes']>;
  /** Called with everything on stderr so far whenever more arrives, and the way to type. */
  readonly onStderr?: (text: string, person: Person) => void;
  readonly stdin?: string;
}

export interface Person {
  type(text: string): void;
  interrupt(): void;
}

/** Run the CLI in this process against whatever `socketPath` is. */
export async function cli(argv: readonly string[], options: RunOptions = {}): Promise<CliRun> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stdin = new PassThrough();
  const interrupts = new Set<() => void>();
  const person: Person = {
    type: (text) => void stdin.write(text),
    interrupt: () => interrupts.forEach((listener) => listener()),
  };
  let out = '';
  let err = '';
  stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8');
    options.onStderr?.(err, person);
  });
  if (options.stdin !== undefined) stdin.end(options.stdin);
  const io: CliIo = {
    stdout,
    stderr,
    stdin,
    env: options.env ?? {},
    isTTY: options.isTTY ?? false,
    columns: options.columns,
    onInterrupt(listener) {
      interrupts.add(listener);
      return () => interrupts.delete(listener);
    },
  };
  const unexpected = () => Promise.reject(new Error('not expected in this test'));
  const parts: CliParts = {
    version: '1.2.3',
    command: options.command ?? 'gatehouse',
    socketPath: options.socketPath ?? join(tmpdir(), 'gh-absent', 'gateway.sock'),
    paths: options.paths ?? ABSENT_HOME,
    openLocal: options.local ?? unexpected,
    backups: { verify: unexpected, rehearse: unexpected, restore: unexpected },
    processes: { run: unexpected, start: unexpected, ...options.processes },
  };
  const code = await runCli(argv, io, parts);
  return { code, stdout: out, stderr: err };
}
