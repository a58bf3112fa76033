import assert from 'node:assert/strict';
import type { Bench } from './subject.ts';

export async function assertProbe({ subject, fixture }: Bench): Promise<void> {
  const probe = await fixture().sandbox.probe();
  assert.equal(probe.available, true, probe.fix);
  assert.equal(probe.backend, subject.backend);
  assert.match(probe.version, /^\d+\.\d+/);
  const missing = Object.entries(probe.features).filter(([, { holds }]) => !holds);
  assert.deepEqual(missing.map(([name]) => name).toSorted(), [...subject.notHeld].toSorted());
  for (const [name, { how }] of Object.entries(probe.features)) assert.notEqual(how, '', name);
}
