import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fixture } from './testing/fixture.ts';

test('the probe measures that every part of the isolation holds here', async () => {
  using fixture = new Fixture();
  const probe = await fixture.sandbox.probe();
  assert.equal(probe.available, true);
  assert.equal(probe.backend, 'bubblewrap');
  assert.match(probe.version, /^\d+\.\d+/);
  const names = [
    'memory',
    'processes',
    'fileSize',
    'cpu',
    'openFiles',
    'tmpSize',
    'wallTime',
    'output',
    'userNamespace',
    'seccomp',
    'network',
    'readOnlyRoot',
    'mountRaces',
    'coreFiles',
  ];
  assert.deepEqual(Object.keys(probe.features).toSorted(), names.toSorted());
  for (const [name, { holds, how }] of Object.entries(probe.features)) assert.ok(holds, `${name}: ${how}`);
  assert.equal(await fixture.sandbox.probe(), probe);
});

test('sandbox/no bubblewrap on this machine: refused, never run on the host', async () => {
  using fixture = new Fixture({ programDirs: ['/nonexistent'] });
  const probe = await fixture.sandbox.probe();
  assert.equal(probe.available, false);
  assert.match(probe.fix ?? '', /apt-get install bubblewrap/);
  await assert.rejects(fixture.sh('touch /workspace/ran'), { code: 'SANDBOX_UNAVAILABLE' });
  assert.deepEqual(readdirSync(fixture.workspace), []);
});

test('explain shows the limits, the mounts and the exact arguments', () => {
  using fixture = new Fixture();
  const lines = fixture.sandbox.explain(fixture.spec(['echo', 'a b'], { env: { LANG: 'C' } }));
  const text = lines.join('\n');
  for (const option of [
    '--unshare-user',
    '--unshare-net',
    '--cap-drop "ALL"',
    '--die-with-parent',
    '--new-session',
    '--clearenv',
  ])
    assert.ok(lines.includes(`  ${option}`), option);
  assert.match(text, /^network: none/m);
  assert.match(text, /^memory: 536870912 bytes/m);
  assert.ok(text.includes(`mount: ${fixture.workspace} at /workspace (rw)`));
  assert.deepEqual(lines.slice(-2), ['  "echo"', '  "a b"']);
  assert.throws(() => fixture.sandbox.explain(fixture.spec(['true'], { cwd: '/etc' })), {
    code: 'SANDBOX_SPEC_INVALID',
  });
});

test('what a run started dies with the gateway', async () => {
  using fixture = new Fixture();
  const program = `
    import { createBubblewrapSandbox } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    const sandbox = createBubblewrapSandbox(${JSON.stringify(fixture.options)});
    const spec = ${JSON.stringify(fixture.spec(['/bin/sh', '-c', 'setsid sleep 77010 >/dev/null & echo ready; sleep 77010']))};
    await sandbox.run(spec, new AbortController().signal, { onOutput: () => process.kill(process.pid, 'SIGKILL') });`;
  await new Promise<void>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', program], () => resolve());
  });
  const deadline = Date.now() + 5_000;
  while (alive('77010') && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(alive('77010'), false);
});

function alive(text: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`sleep\0${text}`);
    } catch {
      return false;
    }
  });
}
