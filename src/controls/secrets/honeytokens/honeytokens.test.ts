import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Alert, LedgerEvent } from '../../../kernel/index.ts';
import { GatehouseError } from '../../../kernel/index.ts';
import { HONEYTOKEN_KINDS } from './bait.ts';
import { createHoneytokens, type HoneytokenService, HoneytokenTripwire, readPlanted } from './index.ts';
import { codingsOf, WINDOW } from './windows.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-honey-'));
const workspace = join(folder, 'workspace');
const file = join(folder, 'honeytokens.json');
const raised: Alert[] = [];
const events: LedgerEvent[] = [];
let tripwire: HoneytokenTripwire;
let service: HoneytokenService;

const refused = (code: string) => (thrown: unknown) =>
  thrown instanceof GatehouseError && thrown.code === code;
const plant = (kind: (typeof HONEYTOKEN_KINDS)[number], path?: string) =>
  service.plant({ kind, agent: 'main', workspace, by: 'tester', ...(path === undefined ? {} : { path }) });

before(() => {
  tripwire = new HoneytokenTripwire({ raise: (alert) => raised.push(alert) });
  service = createHoneytokens({
    file,
    tripwire,
    clock: { now: () => 1_000, monotonic: () => 0 },
    random: { bytes: (size) => randomBytes(size), uuid: () => 'u' },
    ledger: { append: async (event) => (events.push(event), { writer: 'w', seq: 1, hash: '' }) },
    mint: () => `gth_abcdefghijklmnop_${randomBytes(30).toString('hex').slice(0, 43)}_012345`,
    onChanged: async () => undefined,
  });
});
beforeEach(() => {
  raised.length = 0;
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const kind of HONEYTOKEN_KINDS) {
  test(`a planted ${kind} credential is known in plain and in codings, and its value is kept nowhere else`, async () => {
    const token = await plant(kind);
    const content = readFileSync(token.path, 'utf8');
    const value = content.match(/[A-Za-z0-9+/_]{20,}/g)?.toSorted((a, b) => b.length - a.length)[0] ?? '';
    assert.ok(value.length >= 20);
    assert.equal(readFileSync(file, 'utf8').includes(value.slice(4, 16)), false);
    const forms = [
      content,
      `GET /?k=${encodeURIComponent(value)}`,
      JSON.stringify({ content }),
      Buffer.from(value).toString('base64'),
      Buffer.from(`x${value}`).toString('base64'),
      Buffer.from(`xy${value}`).toString('base64url'),
      Buffer.from(value).toString('hex'),
      Buffer.from(value).toString('hex').toUpperCase(),
      [...value].reverse().join(''),
      `${value.toLowerCase()}.evil.example`,
    ];
    for (const form of forms) {
      raised.length = 0;
      assert.equal(tripwire.trips(form, { where: 'a test' }), true, form.slice(0, 60));
      assert.equal(raised[0]?.data?.['honeytoken'], token.id);
      assert.equal(raised[0]?.severity, 'critical');
    }
    assert.doesNotMatch(JSON.stringify(raised), new RegExp(value.slice(4, 16).replace(/[+/]/g, '.')));
    assert.equal(service.check().find(({ id }) => id === token.id)?.state, 'in place');
  });
}

test('a piece that a URL or JSON has to escape is known in that form too', () => {
  const piece = 'ab+cd/efghijklm=';
  const codings = codingsOf(piece);
  assert.ok(codings.includes('ab%2Bcd%2Fefghij'));
  assert.ok(codings.includes('ab+cd\\/efghijklm'));
  assert.ok(codings.every((coding) => coding.length === WINDOW));
});

test('a planted value is found however a stream is cut, and nothing else is', async () => {
  const token = await plant('env', 'cut/.env');
  const bytes = Buffer.from(`before ${readFileSync(token.path, 'utf8')} after`);
  const byte = tripwire.watch({ where: 'a stream' });
  assert.ok([...bytes].some((one) => byte?.(Uint8Array.of(one))));
  const other = tripwire.watch({ where: 'a stream' });
  const noise = randomBytes(200_000).toString('base64');
  assert.equal(other?.(Buffer.from(noise)), false);
  assert.equal(
    other?.(Buffer.from('PAYMENTS_API_KEY=sk_live_ postgres://app: AKIA ghp_ MC4CAQAwBQYDK2VwBCIEI')),
    false,
  );
});

test('another process knows what was planted from the file', async () => {
  const token = await plant('github', 'elsewhere/hosts.yml');
  const second = new HoneytokenTripwire({ raise: (alert) => raised.push(alert) });
  assert.equal(second.watch({ where: 'x' }), undefined);
  second.load(readPlanted(file));
  assert.deepEqual(second.find(readFileSync(token.path)), [token.id]);
});

test('what is changed, gone or taken away is said so, and a changed file stays', async () => {
  const changed = await plant('aws', 'a/credentials');
  const gone = await plant('aws', 'b/credentials');
  writeFileSync(changed.path, 'somebody edited this');
  rmSync(gone.path);
  const states = new Map(service.check().map(({ id, state }) => [id, state]));
  assert.deepEqual([states.get(changed.id), states.get(gone.id)], ['changed', 'gone']);
  await service.remove(changed.id, 'tester');
  assert.equal(existsSync(changed.path), true);
  const whole = await plant('aws', 'c/credentials');
  const content = readFileSync(whole.path, 'utf8');
  await service.remove(whole.id, 'tester');
  assert.equal(existsSync(whole.path), false);
  assert.equal(tripwire.trips(content, { where: 'x' }), false);
  await assert.rejects(service.remove(whole.id, 'tester'), refused('HONEYTOKEN_UNKNOWN'));
  assert.ok(events.some(({ action }) => action === 'honeytoken.removed'));
});

test('secrets/planting outside of the workspace or over a file: refused', async () => {
  mkdirSync(join(workspace, 'there'), { recursive: true });
  writeFileSync(join(workspace, 'there', 'mine'), 'kept');
  symlinkSync(dirname(workspace), join(workspace, 'out'));
  const before = service.list().length;
  for (const path of ['../x', '/etc/x', 'a/../../x', 'out/x', './x', '', 'a//b']) {
    await assert.rejects(plant('env', path), refused('HONEYTOKEN_PATH'), path);
  }
  await assert.rejects(plant('env', 'there/mine'), refused('HONEYTOKEN_EXISTS'));
  assert.equal(readFileSync(join(workspace, 'there', 'mine'), 'utf8'), 'kept');
  assert.equal(existsSync(join(folder, 'x')), false);
  assert.equal(service.list().length, before);
});
