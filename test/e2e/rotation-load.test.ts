import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { steadyClient } from '../fixtures/steady-client.ts';

/** Good answers of every client in each phase. */
const ENOUGH = 40;
const CANARY = '127.0.0.2';

let gateway: TestGateway;

before(async () => {
  gateway = await startGateway();
});

after(() => gateway[Symbol.asyncDispose]());

test('a rotation under load loses no request of a client that switched, and ends everything of one that did not', async () => {
  const { home, port } = gateway;
  const old = await gateway.issueToken('ci', ['operator.read']);
  const client = (address: string) => steadyClient({ port, address, token: old });
  await using canary = await client(CANARY);
  await using second = await client('127.0.0.3');
  await using third = await client('127.0.0.4');
  await using laggard = await client('127.0.0.5');
  const everybody = [canary, second, third, laggard];
  const work = (clients: typeof everybody) => Promise.all(clients.map((one) => one.more(ENOUGH)));
  await work(everybody);

  const { result } = await operate(home, 'token.rotate', { token: 'ci', ticket: 'OPS-1', canary: [CANARY] });
  const next = String(result['token']);
  await canary.switchTo(next);
  await work(everybody);

  assert.equal((await operate(home, 'token.rotate', { token: 'ci', promote: true })).ok, true);
  await Promise.all([second.switchTo(next), third.switchTo(next)]);
  await work(everybody);
  assert.deepEqual(
    everybody.map(({ failures }) => failures),
    [[], [], [], []],
  );
  const { versions } = (await operate(home, 'token.status', { token: 'ci' })).result as {
    versions: readonly { role: string; consumers: readonly { address: string; state: string }[] }[];
  };
  const left = versions.find(({ role }) => role === 'old')?.consumers ?? [];
  assert.deepEqual(
    left.filter(({ state }) => state !== 'switched').map(({ address }) => address),
    ['127.0.0.5'],
  );

  assert.equal((await operate(home, 'token.rotate', { token: 'ci', now: true })).ok, true);
  await until(() => laggard.closedAt.length === 1, 'the socket of the old version is still open');
  await until(() => laggard.failures.some((one) => one.startsWith('HTTP')), 'the old version still works');
  await work([canary, second, third]);
  assert.deepEqual(
    [canary, second, third].map(({ failures }) => failures),
    [[], [], []],
  );
  assert.ok(laggard.failures.includes('WebSocket 4001'));
  assert.ok(
    laggard.failures.filter((one) => one.startsWith('HTTP')).every((one) => /^HTTP 4(01|29) /.test(one)),
  );
  for (const action of ['token.rotation-started', 'token.rotation-promoted', 'token.rotated']) {
    assert.equal((await records(home, { action })).length, 1, action);
  }
  const refused = await records(home, { code: 'AUTH_TOKEN_REVOKED' });
  assert.equal(refused[0]?.data?.['address'], '127.0.0.5');
});
