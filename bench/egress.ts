import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileEgressRules, DEFAULT_EGRESS_LIMITS } from '../src/controls/egress/index.ts';
import { createLedger } from '../src/controls/trace/index.ts';
import { createEgressClient, providerFetch } from '../src/drivers/egress-client/index.ts';
import { createResolver } from '../src/drivers/resolver/index.ts';
import { openConnection } from '../src/drivers/sqlite/connection.ts';
import { authorityOf, type Clock, type Logger } from '../src/kernel/index.ts';
import { runEgress } from '../src/processes/egress/run.ts';
import { type PeerProxy, sandboxRuntimeProxy, tinyproxy } from './egress-peers.ts';

const ROUND_MS = 800;
/** Relay and egress take turns, so that a busy machine hurts both; medians of the pairs count. */
const ROUNDS = 5;
const AT_ONCE = 16;
const MANY_AT_ONCE = 64;
const CHUNK = Buffer.alloc(65_536, 7);
/** First byte of a tunnel: `E` for one echo, `S` for a stream without end. */
const ECHO = 'E';
const STREAM = 'S';

const CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
const NO_GRANTS = {
  enabled: false,
  twoPersons: false,
  maxHours: 1,
  kinds: [],
  breakglass: { enabled: false, maxMinutes: 1 },
};
const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Where both ways end: answers one byte with one byte, or streams as fast as it is read. */
function serveTarget(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      if (first.toString() === ECHO) socket.end(first);
      else stream(socket);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
}

function stream(socket: Socket): void {
  const more = (): void => {
    while (socket.writable && socket.write(CHUNK)) {
      // Until the reader is behind.
    }
  };
  socket.on('drain', more);
  more();
}

/** What is left when everything that egress does is taken away. */
async function serveRelay(path: string, port: number): Promise<void> {
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
    for (const socket of [client, upstream]) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => (socket === client ? upstream : client).destroy());
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(path);
  await once(server, 'listening');
}

/** Egress as it runs; only the configuration is given. Without `recorded` its ledger keeps nothing. */
async function serveEgress(folder: string, port: number, model: number, recorded: boolean): Promise<void> {
  for (const name of ['run', 'keys']) mkdirSync(join(folder, name), { mode: 0o700, recursive: true });
  const there = { host: '127.0.0.1', class: 'other' } as const;
  const rules = [
    { ...there, id: 'bench', port, protocol: 'tcp' },
    { ...there, id: 'http', port: model, protocol: 'http' },
  ] as const;
  const provider = { id: 'provider:bench', host: '127.0.0.1', class: 'model', protocol: 'http' } as const;
  const authority = authorityOf({ id: 'playbook:bench', rules: compileEgressRules(rules) });
  await runEgress({
    paths: { run: join(folder, 'run'), keys: join(folder, 'keys') },
    version: 'bench',
    variables: {},
    gatewayPid: process.ppid,
    clock: CLOCK,
    openLogger: () => SILENT,
    resolver: createResolver(),
    load: async () => ({
      hash: 'bench',
      agents: new Map([['bench', { authority, rules, bounds: [] }]]),
      mail: [],
      providerRules: [{ ...provider, port: model }],
      exports: [],
      telemetryRules: [],
      secrets: [],
      runSecrets: [],
      ownPorts: [],
      grantPolicy: NO_GRANTS,
      limits: {
        ...DEFAULT_EGRESS_LIMITS,
        requestsPerRun: 1e9,
        bytesPerRun: 1e15,
        bytesPerAgentDay: 1e15,
        bytesPerDay: 1e15,
      },
    }),
    openLedger: async () => (recorded ? ledgerOn(folder) : NO_LEDGER),
  });
}

const NO_LEDGER = {
  append: async () => ({ writer: 'egress', seq: 0, hash: '' }),
  close: async () => undefined,
};

function ledgerOn(folder: string) {
  const raw = openConnection(join(folder, 'ledger.db'));
  return createLedger({ raw, writer: 'egress', clock: CLOCK, redact: (text) => text });
}

/** One tunnel: opened, one byte there and back, closed. */
function tunnel(place: string | number, opening: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = typeof place === 'number' ? connect(place, '127.0.0.1') : connect(place);
    let established = opening === '';
    socket.on('error', reject);
    socket.write(opening === '' ? ECHO : opening);
    socket.on('data', (chunk: Buffer) => {
      if (established) return;
      if (!/^HTTP\/1\.[01] 200 /.test(chunk.toString())) reject(new Error(`no tunnel: ${chunk}`));
      established = true;
      socket.write(ECHO);
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve());
  });
}

/** Requests per second over kept connections; through a proxy the target is in the request. */
async function requestsPerSecond(socketPath: string, path: string, host: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request({ socketPath, path, agent, headers: { host } }, (answer) => {
        answer.resume();
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
        answer.on('end', resolve);
      });
      sent.on('error', reject);
      sent.end();
    });
  const rate = await perSecond(one);
  agent.destroy();
  return rate;
}

async function perSecond(work: () => Promise<void>, atOnce = AT_ONCE): Promise<number> {
  const start = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - start < ROUND_MS) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return (done * 1_000) / (performance.now() - start);
}

/** Megabytes per second of one tunnel that streams. */
async function throughput(path: string, opening: string): Promise<number> {
  const socket = connect(path);
  if (opening !== '') {
    socket.write(opening);
    await once(socket, 'data');
  }
  socket.write(STREAM);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  const rate = bytes / 1_000 / (performance.now() - start);
  socket.destroy();
  return rate;
}

/** Milliseconds that one model call through egress takes beyond the same call made directly. */
async function providerOverhead(folder: string, port: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/v1`;
  const through = providerFetch(join(folder, 'run', 'provider.sock'));
  const times = { direct: [] as number[], through: [] as number[] };
  for (let i = 0; i < 220; i += 1) {
    for (const [name, call] of [
      ['direct', fetch],
      ['through', through],
    ] as const) {
      const start = performance.now();
      await (await call(url, { method: 'POST', body: '{}' })).text();
      if (i >= 20) times[name].push(performance.now() - start);
    }
  }
  return median(times.through) - median(times.direct);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function startRole(
  ...args: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly value: string }> {
  const child = fork(fileURLToPath(import.meta.url), ['role', ...args]);
  const [value] = await once(child, 'message');
  return { child, value: String(value) };
}

/**
 * Egress beside a bare Node TCP relay in the same run, the relay and egress each in a process of its own.
 *
 * @param withPeers beside other proxies too: tinyproxy from Debian, Anthropic's sandbox runtime from npm
 */
export async function benchEgress(withPeers: boolean): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  const children: ChildProcess[] = [];
  const role = async (...args: readonly string[]): Promise<string> => {
    const { child, value } = await startRole(...args);
    children.push(child);
    return value;
  };
  try {
    const port = await role('target');
    const model = await role('model');
    const relay = join(folder, 'relay.sock');
    await role('relay', relay, port);
    const modelRelay = join(folder, 'model.sock');
    await role('relay', modelRelay, model);
    const unrecorded = join(folder, 'unrecorded');
    await role('egress', folder, port, model, 'recorded');
    await role('egress', unrecorded, port, model);
    const recordedSocket = await runSocket(folder);
    const unrecordedSocket = await runSocket(unrecorded);
    const opening = `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`;
    const rates = {
      relay: [] as number[],
      egress: [] as number[],
      unrecorded: [] as number[],
      relayMany: [] as number[],
      egressMany: [] as number[],
      relayMb: [] as number[],
      egressMb: [] as number[],
      relayRequests: [] as number[],
      egressRequests: [] as number[],
    };
    const peers = withPeers ? await peersOf(folder, Number(port), children) : {};
    const peerRates = new Map<string, number[]>(Object.keys(peers).map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.relay.push(await perSecond(() => tunnel(relay, '')));
      rates.egress.push(await perSecond(() => tunnel(recordedSocket, opening)));
      rates.unrecorded.push(await perSecond(() => tunnel(unrecordedSocket, opening)));
      rates.relayMany.push(await perSecond(() => tunnel(relay, ''), MANY_AT_ONCE));
      rates.egressMany.push(await perSecond(() => tunnel(recordedSocket, opening), MANY_AT_ONCE));
      rates.relayMb.push(await throughput(relay, ''));
      rates.egressMb.push(await throughput(recordedSocket, opening));
      const host = `127.0.0.1:${model}`;
      rates.relayRequests.push(await requestsPerSecond(modelRelay, '/', host));
      rates.egressRequests.push(await requestsPerSecond(recordedSocket, `http://${host}/`, host));
      for (const [name, peer] of Object.entries(peers))
        peerRates.get(name)?.push(await perSecond(() => tunnel(peer.port, peer.opening)));
    }
    const overhead = await providerOverhead(folder, Number(model));
    const ratio = (a: readonly number[], b: readonly number[]): number =>
      median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
    return {
      'bare relay, connections/s, 16 at once': median(rates.relay),
      'egress, recorded tunnels/s, 16 at once': median(rates.egress),
      'egress without its ledger, tunnels/s': median(rates.unrecorded),
      'recorded tunnels / relay, 16 at once': ratio(rates.egress, rates.relay),
      'unrecorded tunnels / relay, 16 at once': ratio(rates.unrecorded, rates.relay),
      'egress, recorded tunnels/s, 64 at once': median(rates.egressMany),
      'recorded tunnels / relay, 64 at once': ratio(rates.egressMany, rates.relayMany),
      'bare relay, MB/s': median(rates.relayMb),
      'egress, MB/s': median(rates.egressMb),
      'bytes: egress / relay': ratio(rates.egressMb, rates.relayMb),
      'bare relay, kept-alive requests/s': median(rates.relayRequests),
      'egress, judged kept-alive requests/s': median(rates.egressRequests),
      'requests: egress / relay': ratio(rates.egressRequests, rates.relayRequests),
      'added to a model call, ms': overhead,
      ...Object.fromEntries(
        [...peerRates].flatMap(([name, list]) => [
          [`${name}, tunnels/s, 16 at once`, median(list)],
          [`recorded tunnels / ${name}`, ratio(rates.egress, list)],
        ]),
      ),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function peersOf(
  folder: string,
  port: number,
  children: ChildProcess[],
): Promise<Readonly<Record<string, PeerProxy>>> {
  return {
    tinyproxy: await tinyproxy(folder, port, children),
    'sandbox-runtime': await sandboxRuntimeProxy(port, children),
  };
}

/** A run's socket stays open when the control connection that asked for it is gone. */
async function runSocket(folder: string): Promise<string> {
  const controlSocket = join(folder, 'run', 'egress.sock');
  const client = createEgressClient({ controlSocket, providerSocket: '', clock: CLOCK, logger: SILENT });
  try {
    await client.ready(10_000);
    const { socketPath } = await client.openRun({ principal: 'bench', agent: 'bench', run: 'bench' });
    return socketPath;
  } finally {
    client.close();
  }
}

async function serveModel(): Promise<number> {
  const { createServer: createHttpServer } = await import('node:http');
  const server = createHttpServer((request, response) => {
    request.resume();
    response.end('{"ok":true}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

async function playRole([role, first = '', second = '', third, fourth]: readonly string[]): Promise<unknown> {
  switch (role) {
    case 'target':
      return serveTarget();
    case 'model':
      return serveModel();
    case 'relay':
      return serveRelay(first, Number(second));
    default:
      return serveEgress(first, Number(second), Number(third), fourth === 'recorded');
  }
}

if (import.meta.main) {
  const [kind, ...role] = process.argv.slice(2);
  if (kind === 'role') {
    process.send?.((await playRole(role)) ?? 'ready');
  } else {
    for (const [name, value] of Object.entries(await benchEgress(true))) {
      process.stdout.write(`${name}: ${value < 100 ? value.toFixed(2) : Math.round(value)}\n`);
    }
  }
}
