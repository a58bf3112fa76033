import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatehouse } from './gateways.ts';
import { median, pause, untilReady } from './measure.ts';
import { type Candidate, openclaw } from './openclaw.ts';

/** What a person types, and what the same is called there. */
const COMMANDS = [
  { name: 'doctor', ours: ['doctor'], theirs: ['doctor', '--non-interactive'] },
  { name: 'security audit', ours: ['security', 'audit'], theirs: ['security', 'audit'] },
  {
    name: 'security audit --deep',
    ours: ['security', 'audit', '--deep'],
    theirs: ['security', 'audit', '--deep'],
  },
] as const;
const AIM = 1 / 20;
/** Milliseconds for a gateway to do what it does after it became ready. */
const SETTLE_MS = 5_000;

interface Row {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number | undefined;
}

/** Milliseconds from typing to the last line. */
async function timed({ command: { argv, env } }: Candidate, words: readonly string[]): Promise<number> {
  const [program = '', ...rest] = argv;
  const started = performance.now();
  const child = spawn(program, [...rest, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  const [code] = await once(child, 'close');
  // 5 is ours for findings; a command that does not know its own words ends differently and would be no measurement.
  if (![0, 1, 5].includes(code as number) || said.length < 40)
    throw new Error(`${words.join(' ')} ended with ${String(code)}: ${said.slice(0, 500)}`);
  return performance.now() - started;
}

async function measure(
  candidate: Candidate,
  side: 'ours' | 'theirs',
  times: number,
): Promise<readonly number[]> {
  const running = candidate.launch();
  try {
    await untilReady(`${candidate.url}/readyz`, 120_000);
    await pause(SETTLE_MS);
    const medians: number[] = [];
    for (const { [side]: words } of COMMANDS) {
      // The first run fills caches of compiled code on both sides.
      await timed(candidate, words);
      const taken: number[] = [];
      for (let run = 0; run < times; run += 1) taken.push(await timed(candidate, words));
      medians.push(median(taken));
    }
    return medians;
  } finally {
    await running.end();
  }
}

/** `doctor` and `security audit` against a running gateway, beside OpenClaw's own in the same run. */
export async function benchDoctor(withPeer: boolean): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  try {
    const ours = await measure(gatehouse(folder), 'ours', 9);
    const theirs = withPeer ? await measure(openclaw(folder), 'theirs', 3) : [];
    return COMMANDS.map(({ name }, index) => ({
      name,
      ours: ours[index] ?? Number.NaN,
      theirs: theirs[index],
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function doctorTable(rows: readonly Row[]): void {
  console.log('\nDoctor and audit against OpenClaw 2026.9.6, ms from typing to the last line');
  for (const { name, ours, theirs } of rows) {
    const verdict = theirs === undefined ? '' : `1/${(theirs / ours).toFixed(1)} (aim 1/${1 / AIM})`;
    console.log(
      `  ${name.padEnd(30)}${ours.toFixed(0).padStart(8)}${(theirs?.toFixed(0) ?? '-').padStart(9)}  ${verdict}`,
    );
  }
}
