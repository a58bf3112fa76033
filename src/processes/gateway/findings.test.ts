import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SandboxProbe } from '../../kernel/index.ts';
import { NO_DRILLS } from './drills/none.ts';
import { sandboxFindings } from './findings.ts';

const PROBE: SandboxProbe = { backend: 'bubblewrap', available: true, features: {} } as never;

test('a sandbox that does not work, and a limit that does not hold, are findings', () => {
  const ids = (change: object) => sandboxFindings({ ...PROBE, ...change } as never).map(({ id }) => id);
  assert.deepEqual(ids({}), []);
  assert.deepEqual(ids({ available: false }), ['SANDBOX_UNAVAILABLE']);
  const features = { memory: { holds: false, how: 'no group' }, network: { holds: true, how: 'x' } };
  assert.deepEqual(ids({ features }), ['SANDBOX_LIMIT_NOT_HELD']);
});

test('drills/drills without a gateway to knock at: refused', async () => {
  await assert.rejects(NO_DRILLS.run({} as never), { code: 'DRILL_NOT_HERE' });
  assert.throws(() => NO_DRILLS.scheduled(), { code: 'DRILL_NOT_HERE' });
});
