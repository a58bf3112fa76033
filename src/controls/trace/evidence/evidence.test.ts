import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../../drivers/sqlite/index.ts';
import type { Alert, LedgerEvent } from '../../../kernel/index.ts';
import { BASELINE_TYPE, createDrift } from './drift.ts';
import { keyIdOf, MAX_ENVELOPE_BYTES, open, seal } from './dsse.ts';
import { compareFacts, FACT_SECTIONS, type InstallFacts } from './facts.ts';
import { type EvidenceTables, migrations } from './tables.ts';

const TYPE = 'application/vnd.gatehouse.test+json';

function signer() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const keyId = keyIdOf(pem);
  return {
    pem,
    keyId,
    sign: async (bytes: Uint8Array) => ({
      keyId,
      signature: sign(null, bytes, privateKey).toString('base64'),
    }),
  };
}

function facts(change: Partial<InstallFacts> = {}): InstallFacts {
  const empty = Object.fromEntries(FACT_SECTIONS.map((name) => [name, {}]));
  return {
    ...(empty as InstallFacts),
    versions: { gatehouse: '1' },
    permissions: { main: 'abc' },
    ...change,
  };
}

describe('signed envelopes', () => {
  test('open to the document that was signed', async () => {
    const { pem, keyId, sign: signing } = signer();
    const text = JSON.stringify(await seal(TYPE, { a: 1 }, signing));
    assert.deepEqual(open(text, TYPE, [pem]), { ok: true, keyId, document: { a: 1 } });
  });

  test('trace/any one byte of a signed envelope changed: refused', async () => {
    const { pem, sign: signing } = signer();
    const text = JSON.stringify(await seal(TYPE, { owner: 'alice', holds: true }, signing));
    fc.assert(
      fc.property(
        fc.nat({ max: text.length - 1 }),
        fc.constantFrom('A', '0', '"', '}', 'z'),
        (at, letter) => {
          const changed = text.slice(0, at) + letter + text.slice(at + 1);
          const opened = open(changed, TYPE, [pem]);
          // Unused bits of base64 may differ in writing; the document may not.
          if (opened.ok) assert.deepEqual(opened.document, { owner: 'alice', holds: true });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('trace/a key that comes with the document instead of one that is trusted: refused', async () => {
    const [ours, theirs] = [signer(), signer()];
    const text = JSON.stringify(await seal(TYPE, {}, theirs.sign));
    assert.deepEqual(open(text, TYPE, [ours.pem]), { ok: false, reason: 'unknown-key' });
    const renamed = text.replace(theirs.keyId, ours.keyId);
    assert.deepEqual(open(renamed, TYPE, [ours.pem]), { ok: false, reason: 'signature' });
  });

  test('trace/a document of one kind passed off as another: refused', async () => {
    const { pem, sign: signing } = signer();
    const text = JSON.stringify(await seal(TYPE, {}, signing));
    assert.deepEqual(open(text, BASELINE_TYPE, [pem]), { ok: false, reason: 'type' });
    const renamed = text.replace(TYPE, BASELINE_TYPE);
    assert.deepEqual(open(renamed, BASELINE_TYPE, [pem]), { ok: false, reason: 'signature' });
  });

  test('trace/an envelope that is none, or larger than the bound: refused', () => {
    const { pem } = signer();
    for (const text of ['', '{}', '[]', 'null', '{"payloadType":1}', `"${'x'.repeat(MAX_ENVELOPE_BYTES)}"`])
      assert.deepEqual(open(text, TYPE, [pem]), { ok: false, reason: 'malformed' });
  });
});

describe('drift', () => {
  async function started() {
    const key = signer();
    const database = openDatabase<EvidenceTables>(':memory:');
    await database.migrate(migrations);
    const events: LedgerEvent[] = [];
    const raised: Alert[] = [];
    const state = { facts: facts(), now: 1_000 };
    const drift = createDrift({
      db: database.db,
      ledger: { append: async (event) => (events.push(event), { writer: 't', seq: 1, hash: '' }) },
      alerts: { raise: (alert) => void raised.push(alert) },
      clock: { now: () => state.now, monotonic: () => state.now },
      sign: key.sign,
      keys: async () => [key.pem],
      facts: async () => state.facts,
    });
    return { drift, state, events, raised, database };
  }
  const BY = { author: 'alice', ticket: 'T-1', reason: 'reviewed' };

  test('without a baseline there is nothing to compare with', async () => {
    const { drift } = await started();
    await assert.rejects(drift.check(), (error: { code?: string }) => error.code === 'DRIFT_NO_BASELINE');
  });

  test('an install that is what its baseline says is quiet', async () => {
    const { drift, events, raised } = await started();
    await drift.baseline(BY);
    assert.deepEqual((await drift.check()).differences, []);
    assert.deepEqual([events, raised], [[], []]);
  });

  test('names what was added, what is gone and what changed, and alerts once per state', async () => {
    const { drift, state, events, raised } = await started();
    await drift.baseline(BY);
    state.facts = facts({ permissions: { main: 'abd' }, versions: {}, listeners: { '0.0.0.0:1': 'users' } });
    const { differences } = await drift.check();
    assert.deepEqual(
      differences.map(({ section, name, before, after }) => [section, name, before, after]),
      [
        ['versions', 'gatehouse', '1', null],
        ['permissions', 'main', 'abc', 'abd'],
        ['listeners', '0.0.0.0:1', null, 'users'],
      ],
    );
    await drift.check();
    assert.deepEqual(
      raised.map(({ rule, severity }) => [rule, severity]),
      [['drift.found', 'high']],
    );
    assert.deepEqual(
      events.map(({ action, code }) => [action, code]),
      [['drift.checked', 'DRIFT_FOUND']],
    );
    state.facts = facts();
    await drift.check();
    assert.equal(events.at(-1)?.outcome, 'success');
  });

  test('trace/a baseline that was changed in the database: refused, alerted, and nothing is compared', async () => {
    const { drift, database, raised } = await started();
    await drift.baseline(BY);
    const row = await database.db.selectFrom('baselines').select('envelope').executeTakeFirstOrThrow();
    const envelope = JSON.parse(row.envelope) as { payload: string };
    const payload = Buffer.from(envelope.payload, 'base64').toString().replace('"abc"', '"abd"');
    const forged = JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') });
    await database.db.updateTable('baselines').set({ envelope: forged }).execute();
    await assert.rejects(
      drift.check(),
      (error: { code?: string }) => error.code === 'DRIFT_BASELINE_INVALID',
    );
    assert.deepEqual(
      raised.map(({ rule }) => rule),
      ['drift.baseline'],
    );
  });

  test('two installs are the same exactly when nothing differs, in either direction', () => {
    const section = fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 });
    const any = fc.record(
      Object.fromEntries(FACT_SECTIONS.map((name) => [name, section])),
    ) as fc.Arbitrary<InstallFacts>;
    fc.assert(
      fc.property(any, any, (a, b) => {
        assert.deepEqual(compareFacts(a, a), []);
        assert.equal(compareFacts(a, b).length, compareFacts(b, a).length);
      }),
    );
  });
});
