import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { records, until } from '../fixtures/operator.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';

/** Low enough that a test reaches them; twice as many are let through at once. */
const PER_ADDRESS = 40;
const PER_PRINCIPAL = 20;
const PROXY = '127.0.0.1';

let gateway: TestGateway;
let alice: string;
let bob: string;

before(async () => {
  gateway = await startGateway({
    config: {
      gateway: {
        rateLimit: { perAddress: PER_ADDRESS, perPrincipal: PER_PRINCIPAL },
        // Loopback addresses count as one client, so others come in through a proxy, as they do in practice.
        trustedProxies: [PROXY],
      },
    },
  });
  alice = await gateway.issueToken('alice', ['operator.read']);
  bob = await gateway.issueToken('bob', ['operator.read']);
});

after(() => gateway[Symbol.asyncDispose]());

interface Asked {
  readonly from: string;
  readonly token?: string;
}

/** So many requests in one write, and the status of each answer in order, with the headers of the last. */
async function burst(count: number, { from, token }: Asked) {
  const socket = connect(gateway.port, PROXY);
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  const path = token === undefined ? 'GET /healthz' : 'POST /api/v1/health.get';
  const request = `${path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${from}\r\n${authorization}Content-Length: 0\r\n\r\n`;
  socket.write(request.repeat(count));
  return answersOf(socket, count);
}

async function answersOf(socket: Socket, count: number) {
  let text = '';
  const heads = () => [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n/g)];
  socket.on('data', (chunk: Buffer) => (text += chunk));
  while (heads().length < count && !socket.destroyed) await once(socket, 'data');
  socket.destroy();
  const found = heads();
  return {
    statuses: found.map(([, status]) => Number(status)),
    retryAfter: /retry-after: (\d+)/i.exec(found.at(-1)?.[2] ?? '')?.[1],
    text,
  };
}

function refused(statuses: readonly number[]): number {
  return statuses.filter((status) => status === 429).length;
}

/** A request or two were let through more than the burst holds, because the bucket fills while it empties. */
function assertBurst(statuses: readonly number[], allowed: number): void {
  const passed = statuses.length - refused(statuses);
  assert.ok(passed >= allowed, `only ${passed} of ${allowed} passed`);
  assert.ok(statuses.slice(0, allowed).every((status) => status === 200));
}

describe('requests per second', () => {
  test('as many at once as an address may: all answered; listen/one past it: 429 with its code and Retry-After, recorded; another address is not affected', async () => {
    const from = '198.51.100.7';
    const within = await burst(2 * PER_ADDRESS, { from });
    assert.equal(refused(within.statuses), 0);
    // More than the bucket ever holds, however long the machine took in between.
    const past = await burst(4 * PER_ADDRESS, { from });
    assert.ok(refused(past.statuses) > 0);
    assert.match(past.text, /LISTEN_RATE_LIMITED/);
    assert.equal(past.retryAfter, '1');
    assert.equal((await burst(1, { from: '198.51.100.8' })).statuses[0], 200);
    const [record] = await records(gateway.home, { code: 'LISTEN_RATE_LIMITED' });
    assert.equal(record?.data?.['address'], from);
    assert.equal(record?.outcome, 'failure');
    await until(async () => (await burst(1, { from })).statuses[0] === 200, 'the address never recovers');
  });

  test('listen/more requests than a principal may, from as many addresses: 429 follows the principal; another one is not affected', async () => {
    const first = await burst(2 * PER_PRINCIPAL, { from: '203.0.113.1', token: alice });
    assertBurst(first.statuses, 2 * PER_PRINCIPAL);
    const second = await burst(4 * PER_PRINCIPAL, { from: '203.0.113.2', token: alice });
    assert.ok(refused(second.statuses) > 0);
    assert.match(second.text, /LISTEN_RATE_LIMITED/);
    assert.match(second.text, /retry-after: 1\r\n/i);
    assert.equal((await burst(1, { from: '203.0.113.2', token: bob })).statuses[0], 200);
    const found = await records(gateway.home, { code: 'LISTEN_RATE_LIMITED' });
    const record = found.find(({ data }) => data?.['principal'] !== undefined);
    assert.ok(String(record?.data?.['address']).startsWith('203.0.113.'));
    assert.match(String(record?.data?.['credential']), /^[a-z0-9]{16}$/);
    const recovered = async () => (await burst(1, { from: '203.0.113.3', token: alice })).statuses[0] === 200;
    await until(recovered, 'the principal never recovers');
  });

  test('listen/requests over a WebSocket and over HTTP: one rate of the principal for both', async () => {
    const carol = await gateway.issueToken('carol', ['operator.read']);
    await using socket = await openSocket(gateway.url);
    await socket.connect(connectParams(carol, { scopes: ['operator.read'] }));
    const asked = await Promise.all(
      Array.from({ length: 5 * PER_PRINCIPAL }, () => socket.ask('gatehouse.health.get')),
    );
    const limited = asked.filter(({ error }) => JSON.stringify(error)?.includes('LISTEN_RATE_LIMITED'));
    assert.ok(asked.length - limited.length >= 2 * PER_PRINCIPAL);
    assert.ok(limited.length > 0);
    assert.ok(limited.every(({ error }) => (error as { retryAfterMs?: number }).retryAfterMs !== undefined));
    const http = await burst(4 * PER_PRINCIPAL, { from: '203.0.113.9', token: carol });
    assert.ok(refused(http.statuses) > 0);
    const [record] = (await records(gateway.home, { action: 'connection.frame' })).filter(
      ({ code }) => code === 'LISTEN_RATE_LIMITED',
    );
    assert.equal(record?.outcome, 'deny');
  });
});
