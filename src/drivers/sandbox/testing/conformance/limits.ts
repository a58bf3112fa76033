import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Bench } from './subject.ts';

const MIB = 1024 * 1024;

/** Every bound, broken (X2). */
export function conformanceOfLimits({ fixture }: Bench): void {
  test('sandbox/more memory than allowed: the program does not get it', async () => {
    const result = await fixture().perl('my $x = "x" x (256 * 1024 * 1024); print "got it"', [], {
      limits: { memoryBytes: 64 * MIB },
    });
    assert.equal(result.out, '');
    assert.ok(result.end === 'memory' || result.signal === 'SIGKILL' || result.exitCode !== 0);
  });

  test('sandbox/more processes than allowed, and a fork bomb: bounded', async () => {
    const many = await fixture().sh('i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; echo all', {
      limits: { processes: 16 },
    });
    assert.doesNotMatch(many.out, /all/);
    const bomb = await fixture().sh('bomb() { bomb | bomb & }; bomb; wait; sleep 30', {
      limits: { processes: 24, wallMs: 3_000 },
    });
    assert.ok(bomb.durationMs < 30_000);
  });

  test('sandbox/file, /tmp and open files past their limits: refused', async () => {
    const { workspace } = fixture();
    const big = await fixture().run(['dd', 'if=/dev/zero', 'of=/workspace/big', 'bs=65537', 'count=32'], {
      limits: { fileBytes: MIB },
    });
    assert.equal(big.signal, 'SIGXFSZ');
    assert.ok(statSync(join(workspace, 'big')).size <= MIB);
    rmSync(join(workspace, 'big'));
    const tmp = await fixture().sh(
      'for i in 1 2 3 4; do head -c 1048576 /dev/zero > /tmp/$i || exit 9; done',
      { limits: { tmpBytes: 2 * MIB } },
    );
    assert.equal(tmp.exitCode, 9);
    const files = await fixture().perl(
      'my @f; for (1..64) { open(my $f, "<", "/dev/null") or last; push @f, $f } print scalar @f',
      [],
      { limits: { openFiles: 16 } },
    );
    assert.ok(Number(files.out) > 4 && Number(files.out) <= 13, files.out);
  });

  test('sandbox/shared memory past the size of /tmp: refused', async () => {
    const { out } = await fixture().sh('head -c 1500000 /dev/zero > /dev/shm/a && echo wrote', {
      limits: { tmpBytes: MIB },
    });
    assert.equal(out, '');
  });

  test('sandbox/more processor time than allowed: ended', async () => {
    const result = await fixture().sh('while :; do :; done', { limits: { cpuSeconds: 1 } });
    assert.equal(result.end, 'signalled');
    assert.ok(['SIGXCPU', 'SIGKILL'].includes(result.signal ?? ''));
  });

  test('sandbox/core file, and a crash that starts a program of the host: none', async () => {
    const { out } = await fixture().sh(
      'grep "^Max core" /proc/self/limits | tr -s " " | sed "s, *$,,"; perl -e "kill 11, \\$\\$"; perl -e "syscall(160, 4, pack(q(QQ), 0, 0)) == 0 and print qq(changed\\n)"; ls | grep core; echo end',
    );
    assert.equal(out, 'Max core file size 1 1 bytes\nend\n');
  });

  test('sandbox/more output than allowed: kept to the limit, counted, and the program is not held up', async () => {
    const seen = { stdout: 0, stderr: 0 };
    const observer = {
      onOutput: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => {
        seen[stream] += chunk.length;
      },
    };
    const script = 'head -c 3000000 /dev/zero; head -c 5001 /dev/zero >&2; echo done > /workspace/done';
    const result = await fixture().sh(script, { limits: { outputBytes: 5000 }, observer });
    assert.equal(result.end, 'exited');
    assert.deepEqual([result.stdout.length, result.stderr.length], [5000, 5000]);
    assert.equal(result.droppedBytes, 3_000_000 - 5000 + 1);
    assert.deepEqual(seen, { stdout: 5000, stderr: 5000 });
    assert.equal(statSync(join(fixture().workspace, 'done')).size, 5);
  });

  test('sandbox/limits that are zero, negative, fractional or not numbers: refused', async () => {
    for (const wallMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(fixture().sh('true', { limits: { wallMs } }), { code: 'SANDBOX_SPEC_INVALID' });
  });
}
