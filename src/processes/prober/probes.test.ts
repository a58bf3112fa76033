import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCanary } from '../../../test/fixtures/canary.ts';
import { Probes } from './probes.ts';

test('drills/a probe of anything but the listeners of the install and the sockets of runs: refused, nothing is dialled', async () => {
  await using canary = await startCanary();
  const probes = new Probes(
    { tcp: [{ address: '127.0.0.1', port: 1 }], folder: '/run/of/runs' },
    () => undefined,
  );
  const bytes = 'GET / HTTP/1.1\r\n\r\n';
  for (const target of [
    { address: '127.0.0.1', port: canary.port, tls: false },
    { path: '/run/of/runs/../egress.sock' },
    { path: '/run/of/provider.sock' },
  ] as const)
    await assert.rejects(probes.answer({ op: 'exchange', id: 1, target, bytes, ms: 1_000 } as never), {
      code: 'DRILL_TARGET_REFUSED',
    });
  assert.deepEqual(canary.seen, []);
});
