import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, diskOf, median, memoryOf, pause, start, untilReady } from './measure.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE = process.execPath;
const MODEL_PORT = 28_811;
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

interface Candidate {
  readonly url: string;
  readonly model: string;
  readonly diskMb: number;
  launch(): { readonly pid: number; readonly output: () => string; end(): Promise<void> };
  token(output: string): string;
}

const MODELS = { baseUrl: `http://127.0.0.1:${MODEL_PORT}/v1`, api: 'openai-completions' };

function gatehouse(folder: string): Candidate {
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
    diskMb: productionSize(folder),
    launch: () => start(NODE, [join(ROOT, 'bin', 'gatehouse.mjs'), 'gateway', 'run'], env),
    token: (output) => /(gth_\S+)/.exec(output)?.[1] ?? '',
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

/** OpenClaw from npm, installed once below bench/peers. */
function openclaw(folder: string): Candidate {
  const peer = join(ROOT, 'bench', 'peers', 'openclaw');
  const bin = join(peer, 'node_modules', '.bin', 'openclaw');
  const path = `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH']}`;
  if (!existsSync(bin)) {
    mkdirSync(peer, { recursive: true });
    writeFileSync(join(peer, 'package.json'), '{"private":true}');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', 'openclaw@2026.9.6'], {
      cwd: peer,
      env: { ...process.env, PATH: path },
      stdio: 'inherit',
    });
  }
  const home = join(folder, 'openclaw');
  mkdirSync(join(home, '.openclaw'), { recursive: true });
  const token = 'bench'.repeat(8);
  const model = { id: 'm', name: 'm', contextWindow: 200_000, maxTokens: 4_096 };
  const config = {
    gateway: {
      mode: 'local',
      port: 28_813,
      bind: 'loopback',
      auth: { mode: 'token', token },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    models: { providers: { bench: { ...MODELS, apiKey: 'none', models: [model] } } },
    agents: { defaults: { model: { primary: 'bench/m' } } },
  };
  writeFileSync(join(home, '.openclaw', 'openclaw.json'), JSON.stringify(config));
  return {
    url: 'http://127.0.0.1:28813',
    model: 'openclaw',
    diskMb: diskOf(join(peer, 'node_modules')),
    launch: () => start(bin, ['gateway', 'run'], { PATH: path, HOME: home }),
    token: () => token,
  };
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
