import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { Agent, createServer as createTlsServer, request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { compileEgressRules, DEFAULT_EGRESS_LIMITS } from '../src/controls/egress/index.ts';
import { createLedger } from '../src/controls/trace/index.ts';
import { createEgressClient } from '../src/drivers/egress-client/index.ts';
import { createResolver } from '../src/drivers/resolver/index.ts';
import { openConnection } from '../src/drivers/sqlite/connection.ts';
import { authorityOf, type Clock, type Logger } from '../src/kernel/index.ts';
import { runEgress } from '../src/processes/egress/run.ts';
import { median } from './measure.ts';

const ROUND_MS = 1_500;
const ROUNDS = 5;
const AT_ONCE = 16;
const CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const SECRET = 'sk-bench-0123456789abcdef';

function pem(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

async function listenOn(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** Where both ways end. */
function serveTarget(folder: string): Promise<number> {
  const server = createTlsServer(
    { key: pem(folder, 'key.pem'), cert: pem(folder, 'cert.pem') },
    (request, response) => {
      request.resume();
      response.end('{"ok":true}');
    },
  );
  return listenOn(server);
}

/** What is left when everything that egress judges, fills, masks and records is taken away: TLS in, TLS out, kept alive. */
function serveProxy(folder: string, port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, ca: pem(folder, 'cert.pem') });
  const server = createTlsServer(
    { key: pem(folder, 'key.pem'), cert: pem(folder, 'cert.pem') },
    (request, response) => {
      const headers = { ...request.headers, host: `localhost:${port}` };
      const out = tlsRequest(
        { host: 'localhost', port, method: request.method, path: request.url, headers, agent },
        (answer: IncomingMessage) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(out);
    },
  );
  return listenOn(server);
}

async function serveEgress(folder: string, port: number): Promise<void> {
  for (const name of ['run', 'keys']) mkdirSync(join(folder, name), { mode: 0o700, recursive: true });
  const rules = [
    {
      id: 'bench',
      host: 'localhost',
      port,
      class: 'other',
      methods: ['GET'],
      paths: ['/v1/**'],
      secrets: ['KEY'],
    },
  ] as const;
  const layer = {
    id: 'playbook:bench',
    rules: [
      ...compileEgressRules(rules),
      { id: 'secret:KEY', kind: 'secret.use', effect: 'allow', match: { secret: ['KEY'] } } as const,
    ],
  };
  const raw = openConnection(join(folder, 'ledger.db'));
  const ledger = createLedger({ raw, writer: 'egress', clock: CLOCK, redact: (text) => text });
  const most = { requestsPerRun: 1e9, bytesPerRun: 1e15, bytesPerAgentDay: 1e15, bytesPerDay: 1e15 };
  await runEgress({
    paths: { run: join(folder, 'run'), keys: join(folder, 'keys') },
    version: 'bench',
    variables: { KEY: SECRET },
    gatewayPid: process.ppid,
    clock: CLOCK,
    openLogger: () => SILENT,
    resolver: createResolver(),
    ca: pem(folder, 'cert.pem'),
    load: async () => ({
      hash: 'bench',
      agents: new Map([['bench', { authority: authorityOf(layer), rules, bounds: [] }]]),
      mail: [],
      providerRules: [],
      exports: [],
      telemetryRules: [],
      secrets: [],
      runSecrets: [
        {
          name: 'KEY',
          source: 'env',
          id: 'KEY',
          hosts: [{ host: 'localhost', port }],
          places: ['x-api-key: {}'],
        },
      ],
      ownPorts: [],
      grantPolicy: {
        enabled: false,
        twoPersons: false,
        maxHours: 1,
        kinds: [],
        breakglass: { enabled: false, maxMinutes: 1 },
      },
      limits: { ...DEFAULT_EGRESS_LIMITS, ...most },
    }),
    openLedger: async () => ledger,
  });
}

interface Lane {
  ask(): Promise<void>;
  end(): void;
}

/** Requests one after the other over one TLS connection. */
function laneOn(socket: TLSSocket, text: string): Lane {
  let waiting: (() => void) | undefined;
  let seen = '';
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    if (!seen.includes('{"ok":true}')) return;
    seen = '';
    waiting?.();
  });
  return {
    ask: () =>
      new Promise((resolve) => {
        waiting = resolve;
        socket.write(text);
      }),
    end: () => socket.destroy(),
  };
}

async function perSecond(open: () => Promise<Lane>): Promise<number> {
  const lanes = await Promise.all(Array.from({ length: AT_ONCE }, open));
  await Promise.all(lanes.map((lane) => lane.ask()));
  const start = performance.now();
  let done = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      while (performance.now() - start < ROUND_MS) {
        await lane.ask();
        done += 1;
      }
    }),
  );
  const rate = (done * 1_000) / (performance.now() - start);
  for (const lane of lanes) lane.end();
  return rate;
}

async function secured(socket: TLSSocket): Promise<TLSSocket> {
  await once(socket, 'secureConnect');
  return socket;
}

/** Intercepted requests with a secret, each recorded, beside a bare TLS reverse proxy in the same run. */
export async function benchInterception(): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  const children: ChildProcess[] = [];
  const role = async (...args: readonly string[]): Promise<number> => {
    const child = fork(fileURLToPath(import.meta.url), ['role', ...args]);
    children.push(child);
    const [value] = await once(child, 'message');
    return Number(value);
  };
  try {
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout ${join(folder, 'key.pem')} -out ${join(folder, 'cert.pem')}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    const port = await role('target', folder);
    const proxy = await role('proxy', folder, String(port));
    await role('egress', folder, String(port));
    const controlSocket = join(folder, 'run', 'egress.sock');
    const client = createEgressClient({ controlSocket, providerSocket: '', clock: CLOCK, logger: SILENT });
    await client.ready(10_000);
    const opened = await client.openRun({ principal: 'bench', agent: 'bench', run: 'bench' }, ['KEY']);
    const trusted = readFileSync(opened.trustBundle ?? '', 'utf8');
    const ask = (to: number) =>
      `GET /v1/x HTTP/1.1\r\nHost: localhost:${to}\r\nX-Api-Key: ${opened.env['KEY']}\r\n\r\n`;
    const bare = async (): Promise<Lane> => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: proxy,
        servername: 'localhost',
        ca: pem(folder, 'cert.pem'),
      });
      return laneOn(await secured(socket), ask(proxy));
    };
    const intercepted = async (): Promise<Lane> => {
      const tunnel = connect(opened.socketPath);
      tunnel.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
      await once(tunnel, 'data');
      const socket = connectTls({
        socket: tunnel,
        servername: 'localhost',
        ca: trusted,
        ALPNProtocols: ['http/1.1'],
      });
      return laneOn(await secured(socket), ask(port));
    };
    const rates = { bare: [] as number[], intercepted: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.bare.push(await perSecond(bare));
      rates.intercepted.push(await perSecond(intercepted));
    }
    client.close();
    return {
      'bare TLS reverse proxy, requests/s, 16 at once': median(rates.bare),
      'intercepted, judged, filled, recorded, requests/s': median(rates.intercepted),
      'intercepted / bare': median(
        rates.intercepted.map((rate, at) => rate / (rates.bare[at] ?? Number.NaN)),
      ),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function playRole([role, folder = '', port = '']: readonly string[]): Promise<unknown> {
  switch (role) {
    case 'target':
      return serveTarget(folder);
    case 'proxy':
      return serveProxy(folder, Number(port));
    default:
      return serveEgress(folder, Number(port));
  }
}

if (import.meta.main && process.argv[2] === 'role')
  process.send?.((await playRole(process.argv.slice(3))) ?? 0);
