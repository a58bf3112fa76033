import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fixture } from './testing/fixture.ts';

const MIB = 1024 * 1024;
const fixture = new Fixture();
after(() => fixture[Symbol.dispose]());

/** Host processes whose command line holds the text. */
function processesWith(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

test('sandbox/more memory than allowed: refused by killing the run', async () => {
  const result = await fixture.run(['perl', '-e', 'my $x = "x" x (256 * 1024 * 1024); print "got it"'], {
    limits: { memoryBytes: 64 * MIB },
  });
  assert.equal(result.out, '');
  assert.equal(result.end, 'memory');
});

test('sandbox/fork bomb: bounded', async () => {
  const result = await fixture.sh(
    'bomb() { bomb | bomb & }; bomb; i=0; while [ $i -lt 50 ]; do true; i=$((i+1)); done; wait',
    {
      limits: { processes: 24, wallMs: 1_500 },
    },
  );
  assert.ok(result.durationMs < 8_000);
  assert.ok(['exited', 'timeout', 'signalled'].includes(result.end));
});

test('sandbox/more processes than allowed: refused', async () => {
  const result = await fixture.sh('i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; echo all', {
    limits: { processes: 16 },
  });
  assert.doesNotMatch(result.out, /all/);
  assert.match(result.err, /fork/i);
});

test('sandbox/file larger than allowed: refused', async () => {
  const result = await fixture.run(['dd', 'if=/dev/zero', 'of=/workspace/big', 'bs=65537', 'count=32'], {
    limits: { fileBytes: MIB },
  });
  assert.equal(result.end, 'signalled');
  assert.equal(result.signal, 'SIGXFSZ');
  assert.ok(readFileSync(join(fixture.workspace, 'big')).length <= MIB);
});

test('sandbox/more in /tmp than allowed: refused', async () => {
  const result = await fixture.sh(
    'for i in 1 2 3 4; do head -c 1048576 /dev/zero > /tmp/$i || exit 9; done',
    {
      limits: { tmpBytes: 2 * MIB },
    },
  );
  assert.equal(result.exitCode, 9);
  assert.match(result.err, /No space left/);
});

test('sandbox/more of the disk than is to stay free, in many small files: refused', async () => {
  const { bavail, bsize } = statfsSync(fixture.base);
  using small = new Fixture({ minFreeBytes: bavail * bsize - 192 * MIB });
  const fill = 'i=0; while :; do head -c 8000000 /dev/zero > file$i || exit 1; i=$((i+1)); done';
  const result = await small.sh(fill);
  assert.equal(result.end, 'disk');
  using full = new Fixture({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  await assert.rejects(full.sh('true'), { code: 'SANDBOX_DISK_LOW' });
  assert.equal((await full.sh('true', { mounts: [{ ...full.mount, mode: 'ro' }] })).exitCode, 0);
});

test('sandbox/more processor time than allowed: refused', async () => {
  const result = await fixture.sh('while :; do :; done', { limits: { cpuSeconds: 1 } });
  assert.equal(result.end, 'signalled');
  assert.equal(result.signal, 'SIGXCPU');
});

test('sandbox/more open files than allowed: refused', async () => {
  const script = 'my @f; for (1..64) { open(my $f, "<", "/dev/null") or last; push @f, $f } print scalar @f';
  const { out } = await fixture.run(['perl', '-e', script], { limits: { openFiles: 16 } });
  assert.ok(Number(out) > 4 && Number(out) <= 13, out);
});

test('sandbox/longer than allowed: the run is ended', async () => {
  const result = await fixture.sh('sleep 77001', { limits: { wallMs: 200 } });
  assert.equal(result.end, 'timeout');
  assert.equal(result.exitCode, null);
  assert.ok(result.durationMs >= 190 && result.durationMs < 5_000);
  assert.deepEqual(processesWith('77001'), []);
});

test('sandbox/more output than allowed: kept to the limit, counted, and the program is not held up', async () => {
  const seen = { stdout: 0, stderr: 0 };
  const observer = {
    onOutput: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => {
      seen[stream] += chunk.length;
    },
  };
  const result = await fixture.sh(
    'head -c 3000000 /dev/zero; head -c 5001 /dev/zero >&2; echo done > /workspace/done',
    {
      limits: { outputBytes: 5000 },
      observer,
    },
  );
  assert.equal(result.end, 'exited');
  assert.equal(result.stdout.length, 5000);
  assert.equal(result.stderr.length, 5000);
  assert.equal(result.droppedBytes, 3_000_000 - 5000 + 1);
  assert.deepEqual(seen, { stdout: 5000, stderr: 5000 });
  assert.equal(readFileSync(join(fixture.workspace, 'done'), 'utf8'), 'done\n');
});

test('output exactly at the limit is kept whole', async () => {
  const result = await fixture.sh('head -c 5000 /dev/zero', { limits: { outputBytes: 5000 } });
  assert.equal(result.stdout.length, 5000);
  assert.equal(result.droppedBytes, 0);
});

test('sandbox/children that leave their session and parent: dead when the run is over', async () => {
  const script =
    '(setsid sh -c "sleep 77002" >/dev/null 2>&1 &) ; setsid sh -c "(sleep 77002 &) ; exit" & sleep 0.1; echo over';
  const result = await fixture.sh(script);
  assert.equal(result.out, 'over\n');
  assert.deepEqual(processesWith('77002'), []);
});

test('sandbox/run that ignores every signal: ended when it is aborted', async () => {
  const controller = new AbortController();
  const observer = { onOutput: () => controller.abort() };
  const result = await fixture.sh('trap "" TERM INT HUP; echo ready; sleep 77003; sleep 77003', {
    signal: controller.signal,
    observer,
  });
  assert.equal(result.end, 'aborted');
  assert.deepEqual(processesWith('77003'), []);
});

test('a run that was aborted before it began starts nothing', async () => {
  const result = await fixture.sh('touch /workspace/started', { signal: AbortSignal.abort() });
  assert.equal(result.end, 'aborted');
  assert.ok(!readdirSync(fixture.workspace).includes('started'));
});

test('the end of a run says how it ended', async () => {
  const exited = await fixture.sh('exit 3');
  assert.deepEqual([exited.end, exited.exitCode, exited.signal], ['exited', 3, null]);
  const killed = await fixture.sh('kill -SEGV $$');
  assert.deepEqual([killed.end, killed.exitCode, killed.signal], ['signalled', 139, 'SIGSEGV']);
  const missing = await fixture.run(['no-such-program']);
  assert.deepEqual([missing.end, missing.exitCode], ['exited', 127]);
  assert.match(missing.err, /no-such-program/);
});

test('sandbox/limits that are zero, negative, fractional or not numbers: refused', async () => {
  for (const wallMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    await assert.rejects(fixture.sh('true', { limits: { wallMs } }), { code: 'SANDBOX_SPEC_INVALID' });
});

test('standard input reaches the program, and a program that does not read it is no error', async () => {
  assert.equal((await fixture.run(['wc', '-c'], { stdin: Buffer.alloc(300_000) })).out.trim(), '300000');
  assert.equal((await fixture.run(['true'], { stdin: Buffer.alloc(300_000) })).exitCode, 0);
  assert.equal((await fixture.run(['cat'])).out, '');
});

test('without control groups the limits per process still hold and nothing survives', async () => {
  using bare = new Fixture({ cgroups: false });
  const memory = await bare.run(['perl', '-e', 'my $x = "x" x (256 * 1024 * 1024); print "got it"'], {
    limits: { memoryBytes: 64 * MIB },
  });
  assert.equal(memory.out, '');
  assert.notEqual(memory.exitCode, 0);
  await bare.sh('setsid sleep 77004 >/dev/null 2>&1 & sleep 0.05');
  assert.deepEqual(processesWith('77004'), []);
  const stopped = await bare.sh('setsid sleep 77005 & sleep 77005', { limits: { wallMs: 200 } });
  assert.equal(stopped.end, 'timeout');
  assert.deepEqual(processesWith('77005'), []);
});

test('runs at the same time do not see each other', async () => {
  writeFileSync(join(fixture.workspace, 'go'), '');
  const results = await Promise.all(
    [1, 2, 3].map((n) => fixture.sh(`echo ${n} > /tmp/mine; ls /proc | grep -c "^[0-9]"; cat /tmp/mine`)),
  );
  results.forEach((result, index) => assert.match(result.out, new RegExp(`^[1-6]\\n${index + 1}\\n$`)));
});
