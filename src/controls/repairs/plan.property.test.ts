import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planRepairs } from './plan.ts';
import type { HomeEntry, HomeFacts } from './types.ts';

const HOUR = 3_600_000;
const NOW = 1_000_000 * HOUR;

const names = fc.constantFrom(
  'gatehouse.json',
  'keys/ledger.pub',
  'keys/ledger.key',
  'state/state.db',
  'run/gateway.sock',
  '.0123456789ab.tmp',
  'cache/backup/x',
  'cache/repairs/1',
  'backups/a.age',
  'backups/a.age.partial',
);
const entries: fc.Arbitrary<HomeEntry> = fc.record({
  path: names.map((name) => `/home/${name}`),
  kind: fc.constantFrom('file', 'folder', 'socket', 'link', 'other'),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1_000),
  changedAt: fc.constantFrom(NOW - 10_000 * HOUR, NOW - 2 * HOUR, NOW, NOW + 2 * HOUR),
});

function factsOf(list: readonly HomeEntry[]): HomeFacts {
  const unique = [...new Map(list.map((entry) => [entry.path, entry])).values()];
  return {
    uid: 1_000,
    home: '/home',
    folders: ['/home'],
    missing: [],
    entries: unique,
    truncated: false,
    bound: new Set(),
    disk: null,
    grants: { all: [], ended: [] },
    newestRecord: null,
    now: NOW,
  };
}

test('no repair ever gives a right, touches what another account owns, or follows a link', () => {
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 12 }), (list) => {
      const facts = factsOf(list);
      for (const step of planRepairs(facts)) {
        const entry = facts.entries.find(({ path }) => path === step.path);
        assert.equal(entry?.uid, 1_000);
        assert.notEqual(entry?.kind, 'link');
        if (step.kind === 'mode') assert.equal(step.to & ~step.from, 0);
        if (step.kind === 'purge') assert.match(step.path, /^\/home\/cache\/repairs\//);
        if (step.kind !== 'mode')
          assert.ok(!/gatehouse\.json|ledger\.key|state\.db|a\.age$/.test(step.path), step.path);
      }
    }),
  );
});

test('what was written a moment ago, or by a clock that is ahead, is left alone', () => {
  const draft = (changedAt: number): HomeEntry => ({
    path: '/home/.0123456789ab.tmp',
    kind: 'file',
    mode: 0o600,
    uid: 1_000,
    changedAt,
  });
  const kinds = (changedAt: number) => planRepairs(factsOf([draft(changedAt)])).map(({ kind }) => kind);
  assert.deepEqual(kinds(NOW - HOUR + 1), []);
  assert.deepEqual(kinds(NOW - HOUR), ['leftover']);
  assert.deepEqual(kinds(NOW + 5 * HOUR), []);
});
