import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { certificateAuthority } from '../test/fixtures/certificates.ts';
import { startGateway, type TestGateway } from '../test/fixtures/gateway.ts';
import { operate } from '../test/fixtures/operator.ts';
import { ATTACKS, type Attack } from './attackers.ts';
import { openSession, processorMs, quantile, residentMb } from './gatehouse.ts';
import { pause } from './measure.ts';

const ATTACKERS = fileURLToPath(new URL('attackers.ts', import.meta.url));
/** Milliseconds of each quiet and each attacked window; they take turns, so that a busy machine hurts both. */
const WINDOW_MS = 1_500;
const ROUNDS = 3;
/** Milliseconds that attackers get to be there before anything is measured. */
const SETTLE_MS = 1_500;
/** Milliseconds after the last attack at which memory is looked at again. */
const AFTER_MS = 5_000;
const BETWEEN_MS = 4;

/** The two of issue 3 together, then each attack alone, from many addresses and from the honest client's own. */
const MIXED = 'half-open,slowloris';

interface Latencies {
  readonly kept: number[];
  readonly fresh: number[];
  readonly session: number[];
}

/** What one attack did to an honest client; milliseconds and megabytes. */
export interface SlowFigures {
  readonly quiet: readonly [p50: number, p99: number];
  readonly attacked: readonly [p50: number, p99: number];
  readonly failures: number;
  /** Milliseconds of processor time of the gateway per second of attack, the honest client's share included. */
  readonly cpu: number;
  readonly rssBefore: number;
  readonly rssDuring: number;
  readonly rssAfter: number;
}

const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });

function health({ url }: TestGateway, token: string, agent: Agent | false): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = request(`${url}/api/v1/health.get`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`status ${answer.statusCode}`));
      });
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end('{}');
  });
}

async function timed(list: number[], work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  try {
    await work();
    list.push(performance.now() - started);
    return 0;
  } catch {
    return 1;
  }
}

/** An honest client for a while: a kept connection, a new one, and a session that logs in, all in turn. */
async function honest(gateway: TestGateway, token: string, into: Latencies): Promise<number> {
  const end = performance.now() + WINDOW_MS;
  let failures = 0;
  while (performance.now() < end) {
    failures += await timed(into.kept, () => health(gateway, token, keepAlive));
    failures += await timed(into.fresh, () => health(gateway, token, false));
    failures += await timed(into.session, async () => {
      const socket = await openSession(gateway.url, token);
      socket.stream.close();
    });
    await pause(BETWEEN_MS);
  }
  return failures;
}

const none = (): Latencies => ({ kept: [], fresh: [], session: [] });
const all = ({ kept, fresh, session }: Latencies): number[] => [...kept, ...fresh, ...session];
const both = (values: readonly number[]) => [quantile(values, 0.5), quantile(values, 0.99)] as const;

async function attackersOf(names: string, attack: Attack): Promise<ChildProcess> {
  const child = fork(ATTACKERS, [names, JSON.stringify(attack)]);
  await once(child, 'message');
  await pause(SETTLE_MS);
  return child;
}

async function measure(
  gateway: TestGateway,
  token: string,
  names: string,
  attack: Attack,
): Promise<SlowFigures> {
  const [quiet, attacked] = [none(), none()];
  const rssBefore = residentMb(gateway.pid);
  let rssDuring = 0;
  let failures = 0;
  let cpu = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await honest(gateway, token, quiet);
    const child = await attackersOf(names, attack);
    const before = processorMs(gateway.pid);
    failures += await honest(gateway, token, attacked);
    cpu += processorMs(gateway.pid) - before;
    rssDuring = Math.max(rssDuring, residentMb(gateway.pid));
    child.kill('SIGKILL');
    await once(child, 'close');
    await pause(SETTLE_MS);
  }
  await pause(AFTER_MS);
  return {
    quiet: both(all(quiet)),
    attacked: both(all(attacked)),
    failures,
    cpu: (cpu * 1_000) / (ROUNDS * WINDOW_MS),
    rssBefore,
    rssDuring,
    rssAfter: residentMb(gateway.pid),
  };
}

async function portOf(home: string, plane: string): Promise<number> {
  const { listeners } = (await operate(home, 'inventory.listeners')).result as {
    listeners: readonly { plane: string; port: number | null }[];
  };
  return listeners.find((one) => one.plane === plane)?.port ?? 0;
}

/**
 * How an honest client fares while slow and greedy ones hold on (L5, attacks 91 to 93), told line by line.
 *
 * @param all each attack by itself too, which takes some eight minutes; otherwise only the two that belong together
 */
export async function benchSlow(all: boolean): Promise<void> {
  const authority = certificateAuthority('bench');
  const server = authority.issue('gate', 'server');
  chmodSync(server.keyFile, 0o600);
  const tls = { enabled: true, certPath: server.certificateFile, keyPath: server.keyFile };
  const gateway = await startGateway({
    config: { gateway: { listeners: { metrics: { enabled: true, port: 0, tls } } } },
  });
  try {
    const issue = async (name: string) =>
      String(
        (await operate(gateway.home, 'token.issue', { name, scopes: ['operator.read'] })).result['token'],
      );
    const [token, greedy] = [await issue('honest'), await issue('greedy')];
    const tlsPort = await portOf(gateway.home, 'probes');
    await honest(gateway, token, none());
    head();
    for (const names of [MIXED, ...(all ? Object.keys(ATTACKS) : [])]) {
      for (const single of [false, true]) {
        const attack = { port: gateway.port, tlsPort, token: greedy, single };
        const figures = await measure(gateway, token, names, attack);
        line(`${names}, ${single ? 'one address' : 'many addresses'}`, figures);
      }
    }
  } finally {
    await gateway[Symbol.asyncDispose]();
    authority[Symbol.dispose]();
  }
}

const COLUMNS = [
  'p50',
  'p99',
  'p50 att.',
  'p99 att.',
  'p99 ratio',
  'failed',
  'CPU ms/s',
  'RSS',
  'during',
  'after',
];

function head(): void {
  console.log('\nAn honest client beside slow and greedy ones (ms; MB of the gateway process)');
  console.log(`  ${''.padEnd(42)}${COLUMNS.map((column) => column.padStart(10)).join('')}`);
}

function line(title: string, one: SlowFigures): void {
  const ratio = one.attacked[1] / one.quiet[1];
  const times = [...one.quiet, ...one.attacked, ratio].map((value) => value.toFixed(2));
  const rest = [one.failures, one.cpu, one.rssBefore, one.rssDuring, one.rssAfter].map((value) =>
    value.toFixed(0),
  );
  console.log(`  ${title.padEnd(42)}${[...times, ...rest].map((cell) => cell.padStart(10)).join('')}`);
}
