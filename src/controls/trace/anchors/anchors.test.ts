import assert from 'node:assert/strict';
import { chmodSync, globSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alert } from '../../../kernel/index.ts';
import { event, scratchLedger } from '../testing/scratch.ts';
import type { AnchorTarget } from './types.ts';

/** A ledger with an anchor of each kind that lies on storage, and three checkpoints. */
async function world() {
  const scratch = scratchLedger();
  const raised: Alert[] = [];
  const file = join(scratch.folder, 'elsewhere', 'anchor');
  const folder = join(scratch.folder, 'worm');
  mkdirSync(join(scratch.folder, 'elsewhere'));
  const targets: AnchorTarget[] = [
    { name: 'nfs', kind: 'file', path: file },
    { name: 'worm', kind: 'folder', path: folder },
  ];
  const anchors = { targets: () => targets, alerts: { raise: (alert: Alert) => void raised.push(alert) } };
  const ledger = scratch.open({ anchors });
  const grow = async () => {
    scratch.time += 1_000;
    await ledger.append(event(1));
    await ledger.checkpoint();
  };
  for (let round = 0; round < 3; round++) await grow();
  const codes = async () => (await ledger.verify()).problems.map(({ code, writer }) => `${writer} ${code}`);
  return {
    scratch,
    ledger,
    file,
    folder,
    raised,
    targets,
    grow,
    codes,
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** What somebody does who may write this disk but not the anchors: cut the ledger and its own anchor file alike. */
function cutTail({ scratch }: Awaited<ReturnType<typeof world>>): void {
  scratch.raw.exec(`DELETE FROM records WHERE seq > 1; DELETE FROM checkpoints WHERE id > 1;
    UPDATE heads SET seq = 1, hash = (SELECT hash FROM records WHERE seq = 1)`);
  rmSync(scratch.anchorFile);
}

test('files and folders follow each checkpoint; files of a folder are made once and never written again', async () => {
  using home = await world();
  const files = globSync('*/*.json', { cwd: home.folder });
  assert.equal(files.length, 3);
  for (const name of files) assert.equal(statSync(join(home.folder, name)).mode & 0o777, 0o400);
  const [first = ''] = files;
  const before = statSync(join(home.folder, first)).mtimeMs;
  await home.grow();
  assert.equal(statSync(join(home.folder, first)).mtimeMs, before);
  const status = await home.ledger.anchor();
  assert.deepEqual(
    status.map(({ name, lastId, failure }) => [name, lastId, failure]),
    [
      ['nfs', 4, null],
      ['worm', 4, null],
    ],
  );
  assert.deepEqual(await home.codes(), []);
});

for (const kept of ['nfs', 'worm']) {
  test(`trace/a tail that was cut off together with everything on this disk, against the anchor ${kept}: refused`, async () => {
    using home = await world();
    home.targets.splice(0, 2, ...home.targets.filter(({ name }) => name === kept));
    cutTail(home);
    const codes = await home.codes();
    assert.ok(codes.includes('checkpoint LEDGER_TRUNCATED'), codes.join());
    assert.ok(codes.includes('gateway LEDGER_TRUNCATED'), codes.join());
  });
}

test('trace/a ledger that somebody replaced by another one of the same key: refused', async () => {
  using home = await world();
  using other = scratchLedger();
  const { sign } = home.scratch;
  const forged = other.open({
    sign,
    anchors: { targets: () => home.targets },
    anchorFile: join(other.folder, 'a'),
  });
  await forged.append({ ...event(9), action: 'tool.finished' });
  const report = await forged.verify();
  assert.equal(report.ok, false);
  assert.ok(
    report.problems.some(({ code, writer }) => code === 'LEDGER_SIGNATURE_BAD' && writer === 'anchor'),
  );
});

test('a place that cannot be written is an alert and a status, and signing goes on', async () => {
  using home = await world();
  home.targets.push({ name: 'gone', kind: 'file', path: join(home.scratch.path, 'none') });
  await home.grow();
  await home.grow();
  const gone = (await home.ledger.anchor()).find(({ name }) => name === 'gone');
  assert.equal(gone?.failure?.code, 'LEDGER_ANCHOR_FAILED');
  assert.deepEqual(
    home.raised.map(({ rule }) => rule),
    ['ledger.anchor-failed'],
  );
  assert.equal((await home.ledger.verify()).checkpoints, 5);
});

test('trace/a file of the folder that somebody changed: refused', async () => {
  using home = await world();
  const [name = ''] = globSync('*/*.json', { cwd: home.folder });
  const path = join(home.folder, name);
  chmodSync(path, 0o600);
  writeFileSync(path, '{"payload":"[]","keyId":"x","signature":"y"}\n');
  assert.deepEqual(await home.codes(), ['anchor LEDGER_UNREADABLE']);
});
