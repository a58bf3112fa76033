import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli, fakeGateway } from './testing/harness.ts';

test('`gateway stop` returns when nobody listens any more, so that the next start finds the home free', async () => {
  const gateway = await fakeGateway((call) => {
    if (call.id !== 'gateway.stop') return {};
    setImmediate(() => void gateway[Symbol.asyncDispose]());
    return { stopping: true, pid: 42 };
  });
  const run = await cli(['gateway', 'stop'], { socketPath: gateway.socketPath });
  assert.deepEqual(run, { code: 0, stdout: 'The gateway (process 42) has stopped.\n', stderr: '' });
  const after = await cli(['gateway', 'status'], { socketPath: gateway.socketPath });
  assert.match(after.stderr, /CLI_GATEWAY_NOT_RUNNING/);
});
