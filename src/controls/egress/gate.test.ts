import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResolver } from '../../drivers/resolver/index.ts';
import { startDns } from '../../drivers/resolver/testing/dns.ts';
import { authorityOf } from '../../kernel/index.ts';
import { compileEgressRules, compileEgressTable, MAX_ANSWER_ADDRESSES } from './index.ts';
import { policyOf, rule, startRunProxy, TableResolver } from './testing/parts.ts';
import { codeOf, countingServer, echo, RawClient, rawRequest } from './testing/sockets.ts';

const NAME = 'api.example.org';

function connectTo(target: string): string {
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
}

const ANSWERS: readonly (readonly [title: string, addresses: readonly string[]])[] = [
  ['a name that leads to loopback', ['127.0.0.1']],
  ['a name that leads to the metadata address', ['169.254.169.254']],
  ['a name that leads to a cloud platform address', ['168.63.129.16']],
  ['a name that leads to a private network', ['10.0.0.5']],
  ['one private address among public ones', ['93.184.216.34', '93.184.216.35', '192.168.1.1']],
  ['a private IPv6 address beside a public IPv4 one', ['93.184.216.34', 'fd00::1']],
  ['loopback mapped into IPv6', ['::ffff:127.0.0.1']],
  ['a private address in NAT64', ['64:ff9b::a00:1']],
  ['an unspecified address', ['0.0.0.0']],
];

test('answers', async (t) => {
  await using server = await countingServer(echo);
  for (const [title, addresses] of ANSWERS) {
    await t.test(`egress/${title}: refused`, async () => {
      const resolver = new TableResolver({ [NAME]: [addresses] });
      await using proxy = await startRunProxy({ resolver, rules: [rule(NAME, server.port)] });
      assert.equal(
        codeOf(await rawRequest(proxy.socketPath, connectTo(`${NAME}:${server.port}`))),
        'EGRESS_ADDRESS_NOT_PUBLIC',
      );
      const event = await proxy.ledger.refusal('EGRESS_ADDRESS_NOT_PUBLIC');
      assert.equal(event.rule, `playbook:test/${NAME}:${server.port}`);
      assert.equal(server.connections, 0);
    });
  }
});

test('egress/a second answer that moves to loopback (rebinding): refused', async () => {
  await using server = await countingServer(echo);
  await using dns = await startDns((name, type, turn) =>
    type === 'A' ? [{ name, type, value: turn === 0 ? '127.0.0.1' : '169.254.169.254' }] : [],
  );
  const resolver = createResolver({ servers: [dns.server] });
  const rules = [rule(NAME, server.port, { networks: ['127.0.0.1/32'], protocol: 'tcp' })];
  await using proxy = await startRunProxy({ resolver, rules });
  const client = new RawClient(proxy.socketPath);
  client.send(connectTo(`${NAME}:${server.port}`));
  await client.until((text) => text.includes('200'));
  // One question per family for the whole connection: what was checked is what was dialled.
  assert.deepEqual([...dns.asked].sort(), [`A ${NAME}`, `AAAA ${NAME}`]);
  client.close();
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo(`${NAME}:${server.port}`))),
    'EGRESS_ADDRESS_NOT_PUBLIC',
  );
  assert.equal(server.connections, 1);
});

test('egress/a CNAME into private space: refused', async () => {
  await using server = await countingServer(echo);
  await using dns = await startDns((name, type) =>
    type === 'A'
      ? [
          { name, type: 'CNAME', value: 'inside.example.org' },
          { name: 'inside.example.org', type, value: '127.0.0.1' },
        ]
      : [],
  );
  const resolver = createResolver({ servers: [dns.server] });
  await using proxy = await startRunProxy({ resolver, rules: [rule(NAME, server.port)] });
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo(`${NAME}:${server.port}`))),
    'EGRESS_ADDRESS_NOT_PUBLIC',
  );
  await proxy.ledger.refusal('EGRESS_ADDRESS_NOT_PUBLIC');
  assert.equal(server.connections, 0);
});

test('egress/data in the name of a refused look-up: refused', async () => {
  await using dns = await startDns(() => []);
  const resolver = createResolver({ servers: [dns.server] });
  await using proxy = await startRunProxy({ resolver, rules: [rule('*.example.org', 443)] });
  for (const host of ['c2VjcmV0.evil.example.net', 'a.b.example.org', 'example.org', 'xexample.org']) {
    const answer = await rawRequest(proxy.socketPath, connectTo(`${host}:443`));
    assert.equal(codeOf(answer), 'EGRESS_HOST_NOT_ALLOWED', host);
  }
  assert.deepEqual(dns.asked, []);
});

test('a name that fails to resolve, and one without addresses, say so', async () => {
  const failing = { resolve: () => Promise.reject(new Error('SERVFAIL')) };
  await using broken = await startRunProxy({ resolver: failing, rules: [rule(NAME, 443)] });
  assert.equal(codeOf(await rawRequest(broken.socketPath, connectTo(`${NAME}:443`))), 'EGRESS_DNS_FAILED');
  await using empty = await startRunProxy({ rules: [rule(NAME, 443)] });
  assert.equal(codeOf(await rawRequest(empty.socketPath, connectTo(`${NAME}:443`))), 'EGRESS_DNS_EMPTY');
});

test('an answer at the limit of addresses is checked, one past it is refused', async () => {
  const many = Array.from({ length: MAX_ANSWER_ADDRESSES + 1 }, (_, i) => `10.0.0.${i + 1}`);
  const resolver = new TableResolver({ 'full.example.org': [many.slice(1)], [NAME]: [many] });
  await using proxy = await startRunProxy({
    resolver,
    rules: [rule(NAME, 443), rule('full.example.org', 443)],
  });
  assert.equal(codeOf(await rawRequest(proxy.socketPath, connectTo(`${NAME}:443`))), 'EGRESS_DNS_TOO_MANY');
  const full = await rawRequest(proxy.socketPath, connectTo('full.example.org:443'));
  assert.equal(codeOf(full), 'EGRESS_ADDRESS_NOT_PUBLIC');
});

test('a rule may name a network: by CIDR, by a literal host, by localhost', async () => {
  await using server = await countingServer(echo);
  const { port } = server;
  const resolver = new TableResolver({ [NAME]: [['127.0.0.1']] });
  const tcp = { protocol: 'tcp' } as const;
  const rules = [
    rule(NAME, port, { ...tcp, networks: ['127.0.0.0/8'] }),
    rule('127.0.0.1', port, tcp),
    rule('localhost', port, tcp),
  ];
  await using proxy = await startRunProxy({ resolver, rules });
  for (const host of [NAME, '127.0.0.1', 'localhost']) {
    const client = new RawClient(proxy.socketPath);
    client.send(connectTo(`${host}:${port}`));
    await client.until((text) => text.includes('200 Connection'));
    client.close();
  }
  assert.deepEqual(resolver.asked, [NAME]);
});

test('egress/a wildcard for every host against local and literal targets: refused', async () => {
  await using server = await countingServer(echo);
  const resolver = new TableResolver({ 'db.internal': [['10.0.0.5']] });
  await using proxy = await startRunProxy({ resolver, rules: [rule('*', server.port)] });
  const expected: readonly (readonly [string, string])[] = [
    ['localhost', 'EGRESS_HOST_LOCAL'],
    ['intranet', 'EGRESS_HOST_LOCAL'],
    ['db.internal', 'EGRESS_HOST_LOCAL'],
    ['127.0.0.1', 'EGRESS_ADDRESS_NOT_PUBLIC'],
    ['[::1]', 'EGRESS_ADDRESS_NOT_PUBLIC'],
    ['[::ffff:127.0.0.1]', 'EGRESS_ADDRESS_NOT_PUBLIC'],
    ['[::127.0.0.1]', 'EGRESS_ADDRESS_NOT_PUBLIC'],
  ];
  for (const [host, code] of expected) {
    assert.equal(codeOf(await rawRequest(proxy.socketPath, connectTo(`${host}:${server.port}`))), code, host);
  }
  assert.deepEqual(resolver.asked, []);
  assert.equal(server.connections, 0);
});

test("egress/the gateway's own listener, even with a rule for it: refused", async () => {
  await using server = await countingServer(echo);
  const rules = [rule('127.0.0.1', server.port)];
  await using proxy = await startRunProxy({ rules, isSelf: (_address, port) => port === server.port });
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo(`127.0.0.1:${server.port}`))),
    'EGRESS_LOOP',
  );
  await proxy.ledger.refusal('EGRESS_LOOP');
  assert.equal(server.connections, 0);
});

test('egress/a connection whose record cannot be written: refused', async () => {
  await using server = await countingServer(echo);
  await using proxy = await startRunProxy({ rules: [rule('127.0.0.1', server.port)] });
  proxy.ledger.failing = true;
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo(`127.0.0.1:${server.port}`))),
    'EGRESS_RECORD_FAILED',
  );
  assert.equal(server.connections, 0);
  assert.equal(proxy.gate.connections, 0);
});

test('egress/an expired rule, an unknown agent, a rule that asks, a rule that denies: refused', async () => {
  const now = Date.now();
  const rules = [
    rule('old.example.org', 443, { expires: now - 1 }),
    rule('ask.example.org', 443, { effect: 'ask' }),
    rule('*.example.org', 443),
    rule('no.example.org', 443, { effect: 'deny', reason: 'not here' }),
  ];
  await using proxy = await startRunProxy({ rules: rules.filter(({ host }) => host !== '*.example.org') });
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo('old.example.org:443'))),
    'EGRESS_HOST_NOT_ALLOWED',
  );
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo('ask.example.org:443'))),
    'EGRESS_HOST_ASK',
  );
  assert.equal((await proxy.ledger.refusal('EGRESS_HOST_ASK')).outcome, 'ask');
  proxy.setPolicy(policyOf(rules));
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo('no.example.org:443'))),
    'EGRESS_HOST_DENIED',
  );
  proxy.setPolicy(undefined);
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo('no.example.org:443'))),
    'EGRESS_AGENT_UNKNOWN',
  );
});

test('a grant opens a public host only: it names no network', async () => {
  const resolver = new TableResolver({ [NAME]: [['127.0.0.1']] });
  await using proxy = await startRunProxy({ resolver });
  const grant = {
    id: 'g1',
    layer: 'playbook:test',
    kind: 'net.connect' as const,
    match: { host: [NAME], port: ['443'] },
    owner: 'ops',
    ticket: 'T-1',
    reason: 'once',
    expires: Date.now() + 60_000,
  };
  const authority = authorityOf({ id: 'playbook:test', rules: [], grants: [grant] });
  proxy.setPolicy({ authority, table: compileEgressTable([]) });
  assert.equal(
    codeOf(await rawRequest(proxy.socketPath, connectTo(`${NAME}:443`))),
    'EGRESS_ADDRESS_NOT_PUBLIC',
  );
});

test('a connection that no checked address accepts says so, and the next address is tried', async () => {
  await using server = await countingServer((socket) => socket.write('hi'), '127.0.0.2');
  const resolver = new TableResolver({
    [NAME]: [['127.0.0.1', '127.0.0.2']],
    'down.example.org': [['127.0.0.3']],
  });
  const more = { networks: ['127.0.0.0/8'], protocol: 'tcp' } as const;
  const rules = [rule(NAME, server.port, more), rule('down.example.org', server.port, more)];
  await using proxy = await startRunProxy({ resolver, rules });
  const client = new RawClient(proxy.socketPath);
  client.send(connectTo(`${NAME}:${server.port}`));
  await client.until((text) => text.endsWith('hi'));
  client.close();
  const down = await rawRequest(proxy.socketPath, connectTo(`down.example.org:${server.port}`));
  assert.equal(codeOf(down), 'EGRESS_CONNECT_FAILED');
  assert.deepEqual(resolver.asked, [NAME, 'down.example.org']);
});

test('egress/a rule whose host or port can be no destination: refused, naming it', () => {
  for (const more of [{ host: 'a b' }, { host: '*.*' }, { port: 0 }, { port: 65_536 }])
    assert.throws(() => compileEgressRules([{ ...rule('api.example.org', 443), ...more }]), {
      code: 'EGRESS_RULE_INVALID',
    });
});
