import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ownRunId, shownRunId } from './run-id.ts';

test('an operator’s key is its run, another principal’s carries its space, and both are shown as they were given', () => {
  assert.equal(ownRunId('operator', 'nightly-1'), 'nightly-1');
  const own = ownRunId('token:a', 'nightly-1');
  assert.match(own, /^nightly-1~[0-9a-f]{16}$/);
  assert.equal(shownRunId(own), 'nightly-1');
  assert.equal(ownRunId('token:a', own), own, 'what an administrator reads in the ledger names the same run');
});

test('S5/the same or a crafted key in two spaces is never one run', () => {
  const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });
  const space = fc.constantFrom('operator', 'token:a', 'token:b', 'principal:c');
  fc.assert(
    fc.property(space, space, key, key, fc.boolean(), (a, b, mine, other, crafted) => {
      fc.pre(a !== b);
      // Whoever knows another's marked run can write it as a key of its own.
      const given = crafted ? ownRunId(a, mine) : other;
      if (a === 'operator' && crafted) return;
      assert.notEqual(ownRunId(b, given), ownRunId(a, mine));
    }),
  );
});
