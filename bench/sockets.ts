import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../test/fixtures/gateway.ts';
import { operate } from '../test/fixtures/operator.ts';
import { loopbackAddress, processorMs, residentMb } from './gatehouse.ts';
import { median, pause, start, untilReady } from './measure.ts';
import { openclaw } from './openclaw.ts';
import { connectFrame, handshake } from './ws-client.ts';

const CLIENT = fileURLToPath(new URL('ws-client.ts', import.meta.url));
const SERVER = fileURLToPath(new URL('ws-server.mjs', import.meta.url));
const IDLE = 10_000;
const ROUNDS = 5;
const ROUND_MS = 1_500;
const LANES = 16;
/** Milliseconds for a server to come to rest before its memory is read. */
const REST_MS = 4_000;

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly token: string;
}

async function clientOf(
  ...args: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly value: number }> {
  const child = fork(CLIENT, args);
  const [answer] = (await once(child, 'message')) as [{ value?: number; failure?: string }];
  if (answer.value !== undefined) return { child, value: answer.value };
  child.kill('SIGKILL');
  throw new Error(answer.failure);
}

interface Rate {
  readonly perSecond: number;
  /** Milliseconds of the server's processor time for each. */
  readonly cost: number;
}

async function rateOf({ pid, port, token }: Target): Promise<Rate> {
  const before = processorMs(pid);
  const { child, value } = await clientOf(
    'rate',
    JSON.stringify({ port, token, ms: ROUND_MS, lanes: LANES }),
  );
  child.kill('SIGKILL');
  const handshakes = (value * ROUND_MS) / 1_000;
  return { perSecond: value, cost: (processorMs(pid) - before) / handshakes };
}

/** Kilobytes of the server's resident memory per idle connection that is past hello. */
async function kilobytesPer({ pid, port, token }: Target): Promise<number> {
  await pause(REST_MS);
  const before = residentMb(pid);
  const { child, value } = await clientOf('hold', JSON.stringify({ port, token }), String(IDLE));
  await pause(REST_MS);
  const after = residentMb(pid);
  child.kill('SIGKILL');
  await once(child, 'close');
  return ((after - before) * 1024) / value;
}

async function bareServer(helloBytes: number) {
  const running = start(process.execPath, [SERVER, String(helloBytes)], process.env);
  while (!running.output().includes('port ')) await pause(10);
  return { ...running, port: Number(/port (\d+)/.exec(running.output())?.[1]) };
}

async function bytesOfHello(port: number, token: string): Promise<number> {
  const socket = await handshake(port, connectFrame(token), loopbackAddress(0));
  const bytes = socket.bytesRead;
  socket.destroy();
  return bytes;
}

/** Handshakes per second, and memory of 10,000 idle sockets, beside a bare `ws` server and beside OpenClaw. */
export async function benchSockets(withPeer: boolean): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  const gateway = await startGateway({
    config: {
      gateway: {
        connections: { total: IDLE + 1_000, perPrincipal: IDLE + 500 },
        rateLimit: { perAddress: 100_000, perPrincipal: 100_000 },
      },
    },
  });
  const token = String(
    (await operate(gateway.home, 'token.issue', { name: 'bench', scopes: ['operator.read'] })).result[
      'token'
    ],
  );
  const bare = await bareServer(await bytesOfHello(gateway.port, token));
  const peer = withPeer ? openclaw(folder) : undefined;
  const running = peer?.launch();
  try {
    const ours: Target = { name: 'Gatehouse', pid: gateway.pid, port: gateway.port, token };
    const limit: Target = { name: 'bare ws', pid: bare.pid, port: bare.port, token };
    const targets = [ours, limit];
    if (peer !== undefined && running !== undefined) {
      await untilReady(`${peer.url}/readyz`, 120_000);
      targets.push({
        name: 'OpenClaw',
        pid: running.pid,
        port: Number(new URL(peer.url).port),
        token: peer.token(''),
      });
    }
    const rates = new Map(targets.map(({ name }) => [name, [] as Rate[]]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const target of targets) rates.get(target.name)?.push(await rateOf(target));
    }
    const of = (name: string, what: keyof Rate) => (rates.get(name) ?? []).map((rate) => rate[what]);
    const ratio = (name: string, what: keyof Rate) => {
      const theirs = of(name, what);
      return median(of('Gatehouse', what).map((value, round) => value / (theirs[round] ?? Number.NaN)));
    };
    const figures: Record<string, number> = {};
    for (const { name } of targets) {
      figures[`${name}, handshakes/s`] = median(of(name, 'perSecond'));
      figures[`${name}, processor ms per handshake`] = median(of(name, 'cost'));
    }
    for (const { name } of targets.slice(1)) {
      figures[`handshakes/s: Gatehouse / ${name}`] = ratio(name, 'perSecond');
      figures[`processor time: Gatehouse / ${name}`] = ratio(name, 'cost');
    }
    for (const target of [ours, limit])
      figures[`${target.name}, KB per idle socket`] = await kilobytesPer(target);
    return figures;
  } finally {
    await running?.end();
    await bare.end();
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}
