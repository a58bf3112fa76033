import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunSpec, Sandbox } from '../kernel/index.ts';
import { sandboxSet } from './sandboxes.ts';

const spec = (change: Partial<RunSpec>): RunSpec => ({ argv: ['true'], ...change }) as RunSpec;

function backend(name: string, ran: string[], fails = false): Sandbox {
  return {
    backend: name,
    probe: async () => ({ backend: name, available: !fails, version: '1', features: {} }),
    run: async () => {
      if (fails) throw Object.assign(new Error('missing'), { code: 'SANDBOX_UNAVAILABLE' });
      ran.push(name);
      return {} as Awaited<ReturnType<Sandbox['run']>>;
    },
    explain: () => [name],
  };
}

test('a run goes to the backend that it names, and to the standard one when it names none', async () => {
  const ran: string[] = [];
  const set = sandboxSet([backend('a', ran), backend('b', ran)], 'a');
  await set.run(spec({}), new AbortController().signal);
  await set.run(spec({ backend: 'b' }), new AbortController().signal);
  assert.deepEqual(ran, ['a', 'b']);
  assert.deepEqual(set.explain(spec({ backend: 'b' })), ['b']);
  assert.equal((await set.probeOf('b')).backend, 'b');
  assert.notEqual(set.identity({}), set.identity({ backend: 'b' }));
});

test('sandbox/backend that is missing or unknown: refused, never another one in its place', async () => {
  const ran: string[] = [];
  const set = sandboxSet([backend('a', ran), backend('b', ran, true)], 'a');
  const unavailable = { code: 'SANDBOX_UNAVAILABLE' };
  await assert.rejects(set.run(spec({ backend: 'b' }), new AbortController().signal), unavailable);
  await assert.rejects(set.run(spec({ backend: 'c' }), new AbortController().signal), unavailable);
  await assert.rejects(set.probeOf('constructor'), unavailable);
  assert.deepEqual(ran, []);
});
