import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBubblewrapSandbox } from '../src/drivers/bubblewrap/index.ts';
import { createOciSandbox } from '../src/drivers/oci/index.ts';
import { podman, type TestEngine } from '../src/drivers/oci/testing/engines.ts';
import { type Places, SandboxFixture } from '../src/drivers/sandbox/testing/fixture.ts';
import { median, pause } from './measure.ts';

const ROUNDS = 10;
const FILES = 1_000;
/** Milliseconds in which a container that is to wait for a run has started. */
const WARM_MS = 1_500;
const SCRIPTS = { true: 'true', grep: 'grep -rc needle . > /dev/null' };

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
 * Milliseconds of `true` and of a grep over 1,000 files: the bubblewrap backend, `podman run` by hand, and the podman
 * backend without and with a container that waits; medians of interleaved runs.
 */
export async function benchContainers(): Promise<Record<string, number>> {
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
  for (const { workspace } of [bubblewrap, cold, warm])
    for (let file = 0; file < FILES; file += 1)
      writeFileSync(join(workspace, `file-${file}`), `line\nneedle ${file}\n`.repeat(20));
  const result: Record<string, number> = {};
  for (const [name, script] of Object.entries(SCRIPTS)) {
    const ways: Record<string, () => Promise<unknown>> = {
      Bubblewrap: () => bubblewrap.sh(script),
      PodmanByHand: () => byHand(engine, cold.workspace, script),
      PodmanCold: () => cold.sh(script),
      PodmanWarm: () => warm.sh(script),
    };
    const times = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]));
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [way, run] of Object.entries(ways)) {
        if (way === 'PodmanWarm') await pause(WARM_MS);
        const start = performance.now();
        await run();
        times.get(way)?.push(performance.now() - start);
      }
    for (const [way, list] of times) result[`${name}${way}Ms`] = median(list.slice(1));
  }
  return result;
}

if (import.meta.main) {
  console.log(JSON.stringify(await benchContainers()));
  // A container may still wait for a run.
  process.exit(0);
}
