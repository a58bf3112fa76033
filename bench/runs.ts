import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBubblewrapSandbox } from '../src/drivers/bubblewrap/index.ts';
import { createOciSandbox } from '../src/drivers/oci/index.ts';
import { podman, type TestEngine } from '../src/drivers/oci/testing/engines.ts';
import { type Places, SandboxFixture } from '../src/drivers/sandbox/testing/fixture.ts';
import { median, pause } from './measure.ts';
import { type SandboxRuntime, sandboxRuntime } from './peers.ts';
import { bareBubblewrap } from './sandbox.ts';

const ROUNDS = 10;
const FILES = 1_000;
/** Milliseconds in which a container that is to wait for a run has started. */
const WARM_MS = 1_500;
const SCRIPTS = { true: 'true', grep: 'grep -rc needle . > /dev/null' };

async function bySandboxRuntime(runtime: SandboxRuntime, workspace: string, script: string): Promise<void> {
  const wrapped = await runtime.wrapWithSandbox(script);
  const child = spawn(wrapped, { shell: true, cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`sandbox-runtime ended with ${child.exitCode}`);
}

async function byHand(engine: TestEngine, workspace: string, script: string): Promise<void> {
  const isolation = ['--rm', '--network', 'none', '--pull', 'never', '--ulimit', 'nofile=1024:1024'];
  const args = [
    ...isolation,
    '-v',
    `${workspace}:/workspace`,
    '-w',
    '/workspace',
    engine.image.id,
    'sh',
    '-c',
    script,
  ];
  const child = spawn(engine.program, ['run', ...args], { env: { ...engine.env }, stdio: 'ignore' });
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`podman run ended with ${child.exitCode}`);
}

/**
 * Milliseconds of `true` and of a grep over 1,000 files: bubblewrap by hand, the bubblewrap backend, Anthropic's sandbox
 * runtime as a library, `podman run` by hand, and the podman backend without and with a container that waits; medians of
 * interleaved runs, and ratios of pairs.
 */
export async function benchRuns(): Promise<Record<string, number>> {
  await using engine = podman();
  const { program, env, image } = engine;
  const container = (warm: false | undefined) => (places: Places) =>
    createOciSandbox({
      ...places,
      engine: 'podman',
      program,
      env,
      image: () => image,
      ...(warm === undefined ? {} : { warm }),
    });
  using bubblewrap = new SandboxFixture(createBubblewrapSandbox);
  using cold = new SandboxFixture(container(false));
  using warm = new SandboxFixture(container(undefined));
  const { workspace } = bubblewrap;
  const runtime = await sandboxRuntime();
  await runtime.initialize({
    network: { allowedDomains: [], deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: [workspace], denyWrite: [] },
  });
  for (const place of [workspace, cold.workspace, warm.workspace])
    for (let file = 0; file < FILES; file += 1)
      writeFileSync(join(place, `file-${file}`), `line\nneedle ${file}\n`.repeat(20));
  const result: Record<string, number> = {};
  for (const [name, script] of Object.entries(SCRIPTS)) {
    const ways: Record<string, () => Promise<unknown>> = {
      'bubblewrap by hand': () => bareBubblewrap(workspace, ['sh', '-c', script]),
      'Gatehouse, bubblewrap': () => bubblewrap.sh(script),
      'sandbox-runtime': () => bySandboxRuntime(runtime, workspace, script),
      'podman run by hand': () => byHand(engine, cold.workspace, script),
      'Gatehouse, podman': () => cold.sh(script),
      'Gatehouse, podman that waits': () => warm.sh(script),
    };
    const times = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]));
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [way, run] of Object.entries(ways)) {
        if (way === 'Gatehouse, podman that waits') await pause(WARM_MS);
        const start = performance.now();
        await run();
        if (round > 0) times.get(way)?.push(performance.now() - start);
      }
    const ours = times.get('Gatehouse, bubblewrap') ?? [];
    for (const [way, list] of times) {
      result[`${name}: ${way}, ms`] = median(list);
      if (list !== ours)
        result[`${name}: Gatehouse / ${way}`] = median(
          ours.map((ms, round) => ms / (list[round] ?? Number.NaN)),
        );
    }
  }
  await runtime.reset();
  return result;
}
