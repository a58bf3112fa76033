import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startCanary } from '../../../test/fixtures/canary.ts';
import { refuseOutbound } from './no-outbound.ts';

test('egress/a TCP connection of the gateway itself, by any form of connect: refused, and said in the log', async () => {
  await using canary = await startCanary();
  const said: unknown[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (_: string, data?: object) => said.push(data),
  };
  refuseOutbound(logger as never);
  const forms = [
    () => connect(canary.port),
    () => connect(canary.port, '127.0.0.1'),
    () => connect({ port: canary.port, host: '127.0.0.1' }),
    () => connect({ port: canary.port, path: '/x' } as never),
  ];
  for (const form of forms) {
    const [error] = await once(form(), 'error');
    assert.equal((error as { code: string }).code, 'GATEWAY_OUTBOUND_REFUSED');
  }
  await assert.rejects(fetch(`http://127.0.0.1:${canary.port}/`));
  assert.deepEqual(canary.seen, []);
  assert.ok(said.length >= 4);
});
