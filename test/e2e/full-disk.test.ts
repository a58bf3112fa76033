import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { operate } from '../fixtures/operator.ts';
import { allEnded } from '../fixtures/processes.ts';

/** The home as the gateway sees it: a disk of 24 MiB in a mount namespace of its own. */
let home: string;
let gateway: RunningCommand;
/** The same home from here. */
let seen: string;

const at = (...names: string[]) => join(seen, ...names);
const FILL = 'workspaces/filling';

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'gh-'));
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const mount = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$0" && exec "$@"';
  gateway = startCommand(home, ['gateway', 'run'], {
    within: ['unshare', ...asRoot, '--mount', 'sh', '-c', mount, home],
  });
  await gateway.until(/doctor\n/);
  seen = `/proc/${gateway.pid}/root${home}`;
  const recipient = await identityToRecipient(await generateX25519Identity());
  for (const [path, value] of [
    ['backup.recipients', [recipient]],
    ['logging.level', 'debug'],
  ] as const) {
    const set = await operate(seen, 'config.set', { path, value, reason: 't' });
    assert.equal(set.ok, true, set.error?.message);
  }
  chmodSync(at('logs'), 0o755);
});

after(async () => {
  await gateway.kill('SIGTERM');
  await allEnded(home);
  rmSync(home, { recursive: true, force: true });
});

/** Until not one more byte goes in. */
function fill(): void {
  let size = 1 << 20;
  while (size >= 1) {
    try {
      writeFileSync(at(FILL), Buffer.alloc(size), { flag: 'a' });
    } catch {
      size = Math.floor(size / 2);
    }
  }
}

test('day two/a repair, a rollback and a backup on a full disk: refused or done as a whole, and nothing acknowledged is lost', async () => {
  const config = readFileSync(at('gatehouse.json'), 'utf8');
  const before_ = (await operate(seen, 'ledger.verify')).result as { records: number };
  fill();
  const rolled = await operate(seen, 'config.rollback', { to: 1, reason: 'full' });
  assert.equal(rolled.ok, false);
  assert.equal(readFileSync(at('gatehouse.json'), 'utf8'), config);
  assert.equal((await operate(seen, 'config.get', { path: 'logging.level' })).result['value'], 'debug');

  const made = await operate(seen, 'backup.create');
  assert.equal(made.ok, false);

  const fixed = await operate(seen, 'doctor.fix');
  const mode = statSync(at('logs')).mode & 0o777;
  const step = (fixed.result?.['repair'] as { steps: { status: string }[] } | null | undefined)?.steps[0];
  if (fixed.ok) assert.deepEqual([step?.status, mode], ['done', 0o700]);
  else assert.equal(mode, 0o755, fixed.error.code);

  rmSync(at(FILL));
  const verified = (await operate(seen, 'ledger.verify')).result as { ok: boolean; records: number };
  assert.equal(verified.ok, true);
  assert.ok(verified.records >= before_.records);
  assert.equal((await operate(seen, 'doctor.fix')).ok, true);
  assert.equal(statSync(at('logs')).mode & 0o777, 0o700);
  const backup = await operate(seen, 'backup.create');
  assert.equal(backup.ok, true, backup.error?.message);
  const back = await operate(seen, 'config.rollback', { to: 1, reason: 'room again' });
  assert.equal(back.ok, true, back.error?.message);
  assert.notEqual(readFileSync(at('gatehouse.json'), 'utf8'), config);
});
