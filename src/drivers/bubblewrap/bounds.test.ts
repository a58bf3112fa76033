import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MAX_ARGUMENT_BYTES, MAX_STDIN_BYTES } from '../sandbox/spec.ts';
import { MAX_PROGRAMS } from './programs.ts';
import { Fixture } from './testing/fixture.ts';

const fixture = new Fixture();
after(() => fixture[Symbol.dispose]());
const { sandbox } = fixture;
const invalid = { code: 'SANDBOX_SPEC_INVALID' };

test('arguments as long as allowed are taken, and one byte more is refused', () => {
  const room = MAX_ARGUMENT_BYTES - 'true'.length - 2;
  sandbox.explain(fixture.spec(['true', 'x'.repeat(room)]));
  assert.throws(() => sandbox.explain(fixture.spec(['true', 'x'.repeat(room + 1)])), invalid);
});

test('standard input as long as allowed is taken, and one byte more is refused', () => {
  sandbox.explain(fixture.spec(['true'], { stdin: new Uint8Array(MAX_STDIN_BYTES) }));
  assert.throws(
    () => sandbox.explain(fixture.spec(['true'], { stdin: new Uint8Array(MAX_STDIN_BYTES + 1) })),
    invalid,
  );
});

test('as many programs as allowed may be listed, and one more is refused', () => {
  const many = (count: number) => Array.from({ length: count }, () => 'ls');
  sandbox.explain(fixture.spec(['ls'], { programs: many(MAX_PROGRAMS) }));
  assert.throws(() => sandbox.explain(fixture.spec(['ls'], { programs: many(MAX_PROGRAMS + 1) })), invalid);
});

test('a run without a command is refused', () => {
  assert.throws(() => sandbox.explain(fixture.spec([''])), invalid);
});
