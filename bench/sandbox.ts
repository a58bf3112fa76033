import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { createBubblewrapSandbox } from '../src/drivers/bubblewrap/index.ts';
import type { RunSpec } from '../src/kernel/index.ts';
import { median } from './measure.ts';

const ROUNDS = 60;

/** The same namespaces and mounts, as one would write them by hand: no filter, no limits, nothing collected. */
const BARE = [
  '--unshare-user --disable-userns --unshare-pid --unshare-ipc --unshare-uts --unshare-net --unshare-cgroup',
  '--cap-drop ALL --die-with-parent --new-session --uid 1000 --gid 1000 --hostname sandbox --clearenv',
  '--setenv PATH /usr/bin:/bin --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib',
  '--symlink usr/lib64 /lib64 --symlink usr/sbin /sbin --proc /proc --dev /dev --tmpfs /tmp',
]
  .join(' ')
  .split(' ');

/** One hand-written call of bubblewrap; its output is read and thrown away. */
export async function bareBubblewrap(workspace: string, command: readonly string[]): Promise<void> {
  const args = [...BARE, '--bind', workspace, '/workspace', '--chdir', '/workspace', '--', ...command];
  const child = spawn('bwrap', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`bare bwrap ended with ${child.exitCode}`);
}

/** The smallest run: `true` on one writable folder. */
export function trueIn(workspace: string, runId: string): RunSpec {
  return {
    runId,
    scope: 'bench',
    argv: ['true'],
    cwd: '/workspace',
    env: {},
    mounts: [{ source: workspace, target: '/workspace', mode: 'rw' }],
    limits: {
      memoryBytes: 512 * 1024 * 1024,
      processes: 64,
      fileBytes: 64 * 1024 * 1024,
      tmpBytes: 64 * 1024 * 1024,
      wallMs: 30_000,
      cpuSeconds: 30,
      outputBytes: 65_536,
      openFiles: 256,
    },
  };
}

/**
 * Milliseconds of one sandboxed `true` through the port and of a hand-written bubblewrap call, medians of
 * interleaved runs, and their ratio.
 */
export async function benchSandbox(): Promise<Record<string, number>> {
  const base = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'));
  const workspace = await mkdtemp(join(base, 'workspace-'));
  const sandbox = createBubblewrapSandbox({
    workDir: await mkdtemp(join(base, 'work-')),
    forbidden: [],
    insideDir: join(import.meta.dirname, '../src/drivers/bubblewrap/inside'),
    userHome: homedir(),
  });
  const spec = trueIn(workspace, 'bench');
  const never = new AbortController().signal;
  const measured: { bare: number[]; port: number[] } = { bare: [], port: [] };
  const time = async (into: number[], work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    into.push(performance.now() - start);
    // What the port does after a run must not count against the other side.
    await setImmediate();
    await setImmediate();
  };
  try {
    for (let round = 0; round < ROUNDS + 5; round += 1) {
      const warmUp = round < 5;
      await time(warmUp ? [] : measured.bare, () => bareBubblewrap(workspace, ['true']));
      await time(warmUp ? [] : measured.port, async () => {
        const result = await sandbox.run(spec, never);
        if (result.exitCode !== 0) throw new Error(`the sandboxed run ended with ${result.end}`);
      });
    }
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  const bareMs = median(measured.bare);
  const portMs = median(measured.port);
  return { sandboxBareMs: bareMs, sandboxPortMs: portMs, sandboxRatio: portMs / bareMs };
}

if (import.meta.main) console.log(JSON.stringify(await benchSandbox()));
