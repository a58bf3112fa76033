import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Bench } from './subject.ts';

/** How long the kernel and an engine may take to clear away what was killed. */
const GONE_MS = 20_000;

function commandLines(): readonly { readonly pid: number; readonly text: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [
          { pid: Number(pid), text: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') },
        ];
      } catch {
        return [];
      }
    });
}

/** Host processes that sleep for that many seconds: a run's, by a number that nobody else uses. */
function sleeping(seconds: number): readonly number[] {
  return commandLines()
    .filter(({ text }) => text.startsWith(`sleep ${seconds} `))
    .map(({ pid }) => pid);
}

async function gone(what: () => readonly unknown[] | Promise<readonly unknown[]>): Promise<void> {
  const deadline = Date.now() + GONE_MS;
  for (let left = await what(); left.length > 0; left = await what()) {
    if (Date.now() > deadline) assert.deepEqual(left, []);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Nothing survives a run, however it ends (attack 68; X2). */
export function conformanceOfEnds(bench: Bench): void {
  const { fixture } = bench;
  const base = 40_000 + (process.pid % 20_000) * 10;
  const controls = () =>
    readdirSync(fixture().places.workDir).filter(
      (name) => name.startsWith('oci-') || name.startsWith('pipe-'),
    );

  test('sandbox/daemons that leave their session and parent: dead when the run is over', async () => {
    const result = await fixture().sh(
      `(setsid sh -c "sleep ${base + 1}" >/dev/null 2>&1 &) ; setsid sh -c "(sleep ${base + 1} &) ; exit" & sleep 0.1; echo over`,
    );
    assert.equal(result.out, 'over\n');
    assert.deepEqual(sleeping(base + 1), []);
  });

  test('sandbox/run that ignores every signal: ended by an abort and by its time, with all it started', async () => {
    const script = (seconds: number) =>
      `trap "" TERM INT HUP; (setsid sleep ${seconds} &); echo ready; sleep ${seconds}; sleep ${seconds}`;
    const controller = new AbortController();
    const observer = { onOutput: () => controller.abort() };
    const aborted = await fixture().sh(script(base + 2), { signal: controller.signal, observer });
    assert.equal(aborted.end, 'aborted');
    assert.deepEqual(sleeping(base + 2), []);
    const late = await fixture().sh(script(base + 3), { limits: { wallMs: 2_000 } });
    assert.deepEqual([late.end, late.exitCode], ['timeout', null]);
    assert.deepEqual(sleeping(base + 3), []);
  });

  test('a run that was aborted before it began starts nothing', async () => {
    const result = await fixture().sh('touch /workspace/started', { signal: AbortSignal.abort() });
    assert.equal(result.end, 'aborted');
    assert.ok(!readdirSync(fixture().workspace).includes('started'));
  });

  test('sandbox/what looks after a run is killed: the run ends with it, and nothing is left', async () => {
    const { workDir } = fixture().places;
    const managers = () =>
      commandLines()
        .filter(({ text }) => bench.subject.managers.some((pattern) => pattern.test(text)))
        .filter(({ pid, text }) => text.includes(workDir) || isBelow(pid, process.pid))
        .map(({ pid }) => pid);
    const killed: number[] = [];
    const observer = {
      onOutput: () => {
        for (const pid of managers()) {
          process.kill(pid, 'SIGKILL');
          killed.push(pid);
        }
      },
    };
    const result = await fixture()
      .sh(`setsid sleep ${base + 4} & echo ready; sleep ${base + 4}`, {
        observer,
        limits: { wallMs: 20_000 },
      })
      .catch((error: { code?: string }) => error);
    assert.ok(killed.length > 0, 'nothing was killed');
    assert.ok('end' in result ? result.end !== 'exited' || result.exitCode !== 0 : result.code !== undefined);
    await gone(() => sleeping(base + 4));
  });

  test('sandbox/gateway killed in the middle of a run: the run dies with it', async () => {
    const { places } = fixture();
    const spec = fixture().spec([
      '/bin/sh',
      '-c',
      `setsid sleep ${base + 5} >/dev/null & echo ready; sleep ${base + 5}`,
    ]);
    const program = `const sandbox = await (${bench.subject.expression(JSON.stringify(places))});
      await sandbox.run(${JSON.stringify(spec)}, new AbortController().signal, { onOutput: () => process.kill(process.pid, 'SIGKILL') });`;
    await new Promise<void>((resolve) => {
      execFile(process.execPath, ['--input-type=module', '-e', program], () => resolve());
    });
    await gone(() => sleeping(base + 5));
  });

  test('nothing is left of all these runs: no container, no pipe, no process', async () => {
    // What a process that was killed has left is taken away by the next one.
    const next = bench.subject.create(fixture().places);
    await next.run(fixture().spec(['true']), new AbortController().signal);
    await gone(() => bench.subject.leftovers());
    await gone(controls);
  });
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === ancestor) return at !== pid;
  return false;
}
