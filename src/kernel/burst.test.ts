import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Burst } from './burst.ts';

test('says once per window and key that it has become too much', () => {
  const burst = new Burst(3, 1_000);
  const said = [0, 1, 2, 3, 4].map((now) => burst.add('a', now));
  assert.deepEqual(said, [false, false, true, false, false]);
  assert.equal(burst.add('b', 4), false);
  assert.deepEqual(
    [1_000, 1_001, 1_002].map((now) => burst.add('a', now)),
    [false, false, true],
  );
});

test('remembers no more keys than its bound; the one that began first goes first', () => {
  const burst = new Burst(2, 1_000, 2);
  burst.add('a', 0);
  burst.add('b', 1);
  burst.add('c', 2);
  assert.equal(burst.add('b', 3), true);
  assert.equal(burst.add('a', 4), false);
});
