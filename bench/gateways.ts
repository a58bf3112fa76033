import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, diskOf, median, memoryOf, pause, start, untilReady } from './measure.ts';
import { type Candidate, MODEL_PORT, MODELS, openclaw } from './openclaw.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE = process.execPath;
const TURNS = 150;
const WARM_UP = 50;
const CONCURRENT = 8;
const REST_MS = 20_000;

/** What is measured of one gateway; milliseconds, megabytes, turns per second. */
export interface GatewayFigures {
  readonly readyMs: number;
  readonly restRssMb: number;
  readonly restPssMb: number;
  readonly afterTurnsRssMb: number;
  readonly diskMb: number;
  readonly turnMs: number;
  readonly turnOverheadMs: number;
  readonly turnsPerSecond: number;
}

export function gatehouse(folder: string): Candidate {
  const home = join(folder, 'gatehouse');
  mkdirSync(home, { mode: 0o700 });
  const config = {
    models: { providers: { bench: { ...MODELS, models: [{ id: 'm', name: 'm', contextWindow: 200_000 }] } } },
    agents: { defaults: { model: { primary: 'bench/m' } } },
  };
  writeFileSync(join(home, 'gatehouse.json'), JSON.stringify(config), { mode: 0o600 });
  const env = { PATH: process.env['PATH'], HOME: home, GATEHOUSE_HOME: home, GATEHOUSE_PORT: '28812' };
  return {
    url: 'http://127.0.0.1:28812',
    model: 'gatehouse',
    get diskMb() {
      return productionSize(folder);
    },
    launch: () => start(NODE, [join(ROOT, 'bin', 'gatehouse.mjs'), 'gateway', 'run'], env),
    token: (output) => /(gth_\S+)/.exec(output)?.[1] ?? '',
    command: { argv: [NODE, join(ROOT, 'bin', 'gatehouse.mjs')], env: { ...env, NO_COLOR: '1' } },
  };
}

/** Installed size as a user gets it: production dependencies and the built package, Node itself not counted. */
function productionSize(folder: string): number {
  const target = join(folder, 'production');
  mkdirSync(target);
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'bin', 'dist', 'playbooks']) {
    cpSync(join(ROOT, name), join(target, name), { recursive: true });
  }
  execFileSync('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: target });
  return diskOf(target);
}

async function turn(candidate: Candidate, token: string): Promise<number> {
  const started = performance.now();
  const body = { model: candidate.model, messages: [{ role: 'user', content: 'How are you?' }] };
  const answer = await call(`${candidate.url}/v1/chat/completions`, { token, body });
  if (answer.status !== 200 || !answer.body.includes('forty two'))
    throw new Error(`turn failed: ${answer.status} ${answer.body}`);
  return performance.now() - started;
}

async function direct(): Promise<number> {
  const started = performance.now();
  const body = { model: 'm', stream: true, messages: [{ role: 'user', content: 'How are you?' }] };
  await call(`${MODELS.baseUrl}/chat/completions`, { body });
  return performance.now() - started;
}

async function measure(candidate: Candidate): Promise<GatewayFigures> {
  // The second start is measured: the first one fills caches and makes keys on both sides.
  await withRunning(candidate, async () => undefined);
  return withRunning(candidate, async (pid, token, readyMs) => {
    await pause(REST_MS);
    const rest = memoryOf(pid);
    for (let i = 0; i < WARM_UP; i += 1) await turn(candidate, token);
    const turns: number[] = [];
    const directs: number[] = [];
    for (let i = 0; i < TURNS; i += 1) {
      turns.push(await turn(candidate, token));
      directs.push(await direct());
    }
    const after = memoryOf(pid);
    const started = performance.now();
    const lane = async () => {
      for (let i = 0; i < TURNS / CONCURRENT; i += 1) await turn(candidate, token);
    };
    await Promise.all(Array.from({ length: CONCURRENT }, lane));
    const seconds = (performance.now() - started) / 1_000;
    return {
      readyMs,
      restRssMb: rest.rss,
      restPssMb: rest.pss,
      afterTurnsRssMb: after.rss,
      diskMb: candidate.diskMb,
      turnMs: median(turns),
      turnOverheadMs: median(turns) - median(directs),
      turnsPerSecond: (CONCURRENT * Math.ceil(TURNS / CONCURRENT)) / seconds,
    };
  });
}

let firstOutput = new WeakMap<Candidate, string>();

async function withRunning<T>(
  candidate: Candidate,
  body: (pid: number, token: string, readyMs: number) => Promise<T>,
): Promise<T> {
  const running = candidate.launch();
  try {
    const readyMs = await untilReady(`${candidate.url}/readyz`, 120_000);
    // The welcome with the first token follows the listener by some milliseconds.
    while (!firstOutput.has(candidate) && candidate.token(running.output()) === '') await pause(20);
    if (!firstOutput.has(candidate)) firstOutput.set(candidate, running.output());
    return await body(running.pid, candidate.token(firstOutput.get(candidate) ?? ''), readyMs);
  } finally {
    await running.end();
  }
}

/** Gatehouse and, beside it in the same run, OpenClaw. */
export async function benchGateways(
  withPeer: boolean,
): Promise<{ readonly ours: GatewayFigures; readonly peer?: GatewayFigures }> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  firstOutput = new WeakMap();
  const model = start(NODE, [join(ROOT, 'bench', 'model-server.mjs'), String(MODEL_PORT)], process.env);
  try {
    while (!model.output().includes('ready')) await pause(POLL_MS);
    const ours = await measure(gatehouse(folder));
    return withPeer ? { ours, peer: await measure(openclaw(folder)) } : { ours };
  } finally {
    await model.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

const POLL_MS = 10;
