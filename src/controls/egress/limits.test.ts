import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ProxyOptions, rule, startRunProxy } from './testing/parts.ts';
import { codeOf, countingServer, echo, RawClient, rawRequest } from './testing/sockets.ts';

async function withLimits(port: number, limits: ProxyOptions['limits']) {
  return startRunProxy({
    rules: [rule('127.0.0.1', port, { protocol: 'tcp' })],
    ...(limits ? { limits } : {}),
  });
}

async function tunnel(socketPath: string, port: number): Promise<RawClient> {
  const client = new RawClient(socketPath);
  client.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`);
  await client.until((text) => text.includes('\r\n\r\n'));
  return client;
}

test('as many connections as a run may have are open at once, and one more is refused until one ends', async () => {
  await using server = await countingServer((socket) => socket.on('end', () => socket.end()));
  await using proxy = await withLimits(server.port, { connectionsPerRun: 2 });
  const first = await tunnel(proxy.socketPath, server.port);
  await tunnel(proxy.socketPath, server.port);
  const third = await tunnel(proxy.socketPath, server.port);
  assert.equal(codeOf(third.text), 'EGRESS_LIMIT_CONNECTIONS');
  await proxy.ledger.refusal('EGRESS_LIMIT_CONNECTIONS');
  first.close();
  await proxy.ledger.seen((event) => event.action === 'net.closed');
  const fourth = await tunnel(proxy.socketPath, server.port);
  assert.match(fourth.text, /200 Connection/);
});

test('the total over all runs is a limit too', async () => {
  await using server = await countingServer(echo);
  await using proxy = await withLimits(server.port, { connectionsTotal: 1 });
  await tunnel(proxy.socketPath, server.port);
  assert.equal(codeOf((await tunnel(proxy.socketPath, server.port)).text), 'EGRESS_LIMIT_CONNECTIONS');
});

test('requests past the limit of a run are refused, and only the first of them is recorded', async () => {
  await using proxy = await withLimits(9, { requestsPerRun: 3 });
  const codes: string[] = [];
  for (let i = 0; i < 6; i += 1) {
    codes.push(codeOf(await rawRequest(proxy.socketPath, 'CONNECT evil.example.org:443 HTTP/1.1\r\n\r\n')));
  }
  assert.deepEqual(codes.slice(0, 3), Array(3).fill('EGRESS_HOST_NOT_ALLOWED'));
  assert.deepEqual(codes.slice(3), Array(3).fill('EGRESS_LIMIT_REQUESTS'));
  assert.equal(proxy.ledger.events.length, 4);
});

test('a tunnel ends with the byte that passes the limit of its run', async () => {
  await using server = await countingServer(echo);
  await using proxy = await withLimits(server.port, { bytesPerRun: 8 });
  const exact = await tunnel(proxy.socketPath, server.port);
  exact.send('abcd');
  await exact.until((text) => text.endsWith('abcd'));
  assert.equal(exact.socket.closed, false);
  exact.send('e');
  await exact.all();
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_LIMIT_BYTES');
});

test('an idle tunnel and one that is open too long end with their reason', async () => {
  await using server = await countingServer(echo);
  for (const limits of [{ idleMs: 60 }, { totalMs: 60 }]) {
    await using proxy = await withLimits(server.port, limits);
    const client = await tunnel(proxy.socketPath, server.port);
    await client.all();
    const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
    assert.equal(closed.code, 'EGRESS_LIMIT_TIME');
  }
});

test('egress/a request head that never ends: refused', async () => {
  await using proxy = await withLimits(9, { headMs: 60 });
  const answer = await rawRequest(proxy.socketPath, 'GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: 127');
  assert.equal(codeOf(answer), 'EGRESS_LIMIT_TIME');
  await proxy.ledger.refusal('EGRESS_LIMIT_TIME');
});

test('egress/a ClientHello that is too slow or too long: refused', async () => {
  await using server = await countingServer(echo);
  const rules = [rule('127.0.0.1', server.port, { protocol: 'tls' as const })];
  const record = Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0, 0x7f, 0]), Buffer.alloc(400)]);
  for (const limits of [{ helloMs: 60 }, { helloBytes: 400 }]) {
    await using proxy = await startRunProxy({ rules, limits });
    const client = await tunnel(proxy.socketPath, server.port);
    client.send('helloMs' in limits ? record.subarray(0, 20) : record);
    await client.all();
    await proxy.ledger.refusal('EGRESS_TLS_MALFORMED');
    assert.equal(server.connections, 0);
  }
});

test('a slow reader holds up its host instead of filling memory', async () => {
  const chunk = Buffer.alloc(65_536, 1);
  let stalled: () => void = () => undefined;
  const stall = new Promise<void>((resolve) => (stalled = resolve));
  await using server = await countingServer((socket) => {
    let written = 0;
    const more = (): void => {
      while (written < 64 * 1024 ** 2) {
        written += chunk.length;
        if (!socket.write(chunk)) {
          if (socket.writableLength > 4 * chunk.length) return stalled();
          break;
        }
      }
      if (written < 64 * 1024 ** 2) setImmediate(more);
    };
    more();
  });
  await using proxy = await withLimits(server.port, {});
  const client = await tunnel(proxy.socketPath, server.port);
  client.socket.pause();
  await stall;
  const closed = proxy.ledger.seen((event) => event.action === 'net.closed');
  client.close();
  await proxy.proxy.close();
  assert.ok(Number((await closed).data?.['received']) < 32 * 1024 ** 2);
});
