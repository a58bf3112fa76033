import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_SOCKET_PATH } from './bind.ts';
import {
  type BindRequest,
  ConnectionGate,
  checkForwarded,
  checkHost,
  checkListeners,
  checkOrigin,
  checkTarget,
  FREE_BYTES,
  inBlocks,
  isLoopback,
  type ListenFacts,
  LOOPBACK_HOSTS,
  normaliseAddress,
  Receiving,
  resolveBind,
} from './index.ts';

const NOW = 1_000;
const NOTHING = { authentication: false, tls: false, trustedProxies: [], allowedAddresses: [] };

function bind(text: string, more: Partial<BindRequest> = {}) {
  return resolveBind({
    bind: text,
    port: 18_789,
    hasIPv6: true,
    ownAddresses: ['127.0.0.1', '192.168.1.2', '100.64.0.1', '8.8.4.4'],
    exposure: () => NOTHING,
    now: NOW,
    ...more,
  });
}

test('loopback is 127.0.0.1 and, where there is IPv6, ::1; a literal is that one', () => {
  const addresses = (text: string, hasIPv6 = true) =>
    bind(text, { hasIPv6 }).map((spec) => (spec.kind === 'tcp' ? spec.address : spec.path));
  assert.deepEqual(addresses('loopback'), ['127.0.0.1', '::1']);
  assert.deepEqual(addresses('loopback', false), ['127.0.0.1']);
  assert.deepEqual(addresses('::1'), ['::1']);
  assert.deepEqual(addresses('127.0.0.1'), ['127.0.0.1']);
  assert.deepEqual(addresses('/run/gate.sock'), ['/run/gate.sock']);
});

test('listen/an address beyond loopback: refused, naming every missing piece', () => {
  for (const text of ['lan', 'tailnet', '0.0.0.0', '::', '192.168.1.2', '::ffff:192.168.1.2', '100.64.0.1']) {
    assert.throws(
      () => bind(text),
      (error: object) => {
        const { code, details } = Object(error);
        assert.deepEqual(details.missing, [
          'authentication',
          'TLS or a named trusted proxy',
          'an address allow-list (allowedAddresses)',
          'a grant for listen.open with owner, ticket and expiry',
        ]);
        return code === 'LISTEN_EXPOSED';
      },
    );
  }
});

test('listen/exposure with an expired grant: refused; with a running one it is open until then', () => {
  const grant = { owner: 'kim', ticket: 'T-1', expires: NOW };
  const whole = {
    authentication: true,
    tls: true,
    trustedProxies: [],
    allowedAddresses: ['10.0.0.0/8'],
    grant,
  };
  assert.throws(() => bind('lan', { exposure: () => whole }), /a grant that has not expired/);
  const running = { ...whole, grant: { ...grant, expires: NOW + 1 } };
  const opened = bind('lan', { exposure: () => running });
  assert.deepEqual(
    opened.map((one) => (one.kind === 'tcp' ? [one.address, one.expires] : [])),
    [
      ['127.0.0.1', null],
      ['::1', null],
      ['192.168.1.2', NOW + 1],
    ],
  );
  const withoutAddress = { ...running, allowedAddresses: [] };
  assert.throws(() => bind('tailnet', { exposure: () => withoutAddress }), { code: 'LISTEN_EXPOSED' });
});

test('listen/one address is granted and the other is not: refused as a whole', () => {
  const exposure = (address: string) => ({
    authentication: true,
    tls: true,
    trustedProxies: [],
    allowedAddresses: ['10.0.0.0/8'],
    ...(address === '192.168.1.2' ? { grant: { owner: 'kim', ticket: 'T-1', expires: NOW + 1 } } : {}),
  });
  const ownAddresses = ['192.168.1.2', '10.0.0.9'];
  assert.throws(() => bind('lan', { exposure, ownAddresses }), { code: 'LISTEN_EXPOSED' });
});

test('listen/a bind that is no address and no word, or a socket path that is too long: refused', () => {
  for (const text of [
    '',
    'everywhere',
    'relative.sock',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '１２７.0.0.1',
    '127.0.0.1.',
    '[::1]',
    'fe80::1%eth0',
    '127.0.0.1\n',
    '/run/a\0b',
    '127.0.0.1:80',
    '999.1.1.1',
    `/${'a'.repeat(MAX_SOCKET_PATH)}`,
  ]) {
    assert.throws(() => bind(text), { code: 'LISTEN_BIND_INVALID' }, text);
  }
  assert.equal(bind(`/${'a'.repeat(MAX_SOCKET_PATH - 1)}`).length, 1);
});

test('a Host that is accepted is one of the listed names, whatever is around it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.constantFrom(...LOOPBACK_HOSTS, ''), (noise, name) => {
      const header = `${noise}${name}`;
      if (checkHost(header, LOOPBACK_HOSTS) !== undefined) return;
      const bare = header
        .toLowerCase()
        .replace(/:\d+$/, '')
        .replace(/^\[|\]$/g, '');
      assert.ok(LOOPBACK_HOSTS.includes(normaliseAddress(bare) ?? bare), header);
    }),
    { numRuns: 2_000 },
  );
});

test('listen/host spellings that parsers read differently: refused', () => {
  const hosts = [
    'localhost:0',
    'localhost:99999',
    'localhost:+1',
    'localhost:',
    'localhost,evil',
    'user@localhost',
    'ｌocalhost',
    'localhost%00',
    '[::1',
    '::1',
    '[::1%lo]',
    '0x7f.1',
    '017700000001',
    ' localhost',
    '127.0.0.1.nip.io',
  ];
  for (const host of hosts)
    assert.equal(checkHost(host, LOOPBACK_HOSTS)?.code, 'LISTEN_HOST_NOT_ALLOWED', host);
  assert.equal(checkHost(undefined, LOOPBACK_HOSTS)?.code, 'LISTEN_HOST_NOT_ALLOWED');
  assert.equal(checkHost('localhost', [])?.code, 'LISTEN_HOST_NOT_ALLOWED');
  assert.equal(checkHost('[0:0:0:0:0:0:0:1]:80', LOOPBACK_HOSTS), undefined);
});

test('an origin is allowed when it is this very host or listed, and null never is', () => {
  const check = (origin?: string, site?: string) =>
    checkOrigin(origin, site, 'localhost:1', ['https://ui.example'])?.code;
  assert.equal(check(), undefined);
  assert.equal(check('http://localhost:1'), undefined);
  assert.equal(check('https://ui.example', 'cross-site'), undefined);
  for (const origin of [
    'null',
    '',
    'http://localhost',
    'http://localhost:1/',
    'http://localhost:1.evil',
    'HTTP://LOCALHOST:1',
  ]) {
    assert.equal(check(origin), 'LISTEN_ORIGIN_NOT_ALLOWED', origin);
  }
  assert.equal(check(undefined, 'cross-site'), 'LISTEN_ORIGIN_NOT_ALLOWED');
  assert.equal(check(undefined, 'none'), undefined);
  assert.equal(checkOrigin('null', undefined, 'localhost', [])?.code, 'LISTEN_ORIGIN_NOT_ALLOWED');
});

test('the client is the last hop that no listed proxy wrote; what is left of it counts for nothing', () => {
  const from = (value: string | readonly string[], peer = '10.0.0.1') => {
    const verdict = checkForwarded({ 'x-forwarded-for': value }, peer, ['10.0.0.0/8']);
    return 'address' in verdict ? verdict.address : verdict.refusal.code;
  };
  assert.equal(from('127.0.0.1, 203.0.113.9'), '203.0.113.9');
  assert.equal(from('127.0.0.1, 203.0.113.9, 10.0.0.2'), '203.0.113.9');
  assert.equal(from(['1.1.1.1', '::ffff:203.0.113.9']), '203.0.113.9');
  const refused = [
    '',
    'unknown',
    '203.0.113.9:80',
    '10.0.0.3',
    Array.from({ length: 17 }, () => '10.0.0.2').join(','),
  ];
  for (const value of refused) assert.equal(from(value), 'LISTEN_PROXY_NOT_TRUSTED', value);
  assert.equal(from('203.0.113.9', '192.0.2.1'), 'LISTEN_PROXY_NOT_TRUSTED');
  assert.equal(from('203.0.113.9', 'unknown'), 'LISTEN_PROXY_NOT_TRUSTED');
});

test('listen/every forwarding header from an unlisted peer: refused', () => {
  const names = [
    'forwarded',
    'x-forwarded-for',
    'X-Forwarded-Proto',
    'x-forwarded-anything',
    'x-real-ip',
    'cf-connecting-ip',
    'true-client-ip',
    'x-original-url',
  ];
  for (const name of names)
    assert.ok('refusal' in checkForwarded({ [name]: '127.0.0.1' }, '127.0.0.1', []), name);
  assert.deepEqual(checkForwarded({ host: 'x' }, '127.0.0.1', []), { address: '127.0.0.1' });
});

test('listen/a credential in a query, by any usual name or by its look: refused', () => {
  for (const target of [
    '/?token=1',
    '/?a=1&ACCESS_TOKEN=',
    '/?device-token=1',
    '/?apiKey=1',
    '/?auth=1',
    '/x/gth_abc',
    '/?x=GTH_a',
    '/?%74oken=1',
    '/?authToken=1',
    '/?x.api_key=1',
    '/?auth[token]=1',
    '/%67th_abc',
    '/?x=%2567%2574h%5fabc',
  ]) {
    assert.equal(checkTarget(target)?.code, 'LISTEN_TOKEN_IN_URL', target);
  }
  for (const target of ['/', '/?limit=5', '/?author=kim', '/tokens', '/?tokenize=1', '/?monkey=1', '/%zz']) {
    assert.equal(checkTarget(target), undefined, target);
  }
});

test('addresses: every spelling of IPv4 inside IPv6 is that IPv4, and nothing that is no address is one', () => {
  assert.equal(normaliseAddress('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(normaliseAddress('::ffff:7f00:1'), '127.0.0.1');
  assert.equal(normaliseAddress('fe80::1%eth0'), 'fe80::1');
  for (const text of ['', 'localhost', '127.1', '0x7f000001', undefined])
    assert.equal(normaliseAddress(text), undefined);
  assert.ok(isLoopback('::ffff:127.3.2.1'));
  assert.ok(!isLoopback('128.0.0.1'));
  assert.ok(!inBlocks(['10.0.0.0/33', 'all', ''], '10.0.0.1'));
  assert.ok(!inBlocks([], '10.0.0.1'));
});

class FakeConnection extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function crowd(limits: { perAddress: number; total: number; connections: number; perPrincipal?: number }) {
  const gate = new ConnectionGate<FakeConnection>({
    unauthenticatedPerAddress: limits.perAddress,
    unauthenticatedTotal: limits.total,
    connections: limits.connections,
    connectionsPerPrincipal: limits.perPrincipal ?? 10,
  });
  const arrive = (address: string) => {
    const connection = new FakeConnection();
    if (!gate.admit(connection, address)) connection.destroy();
    return connection;
  };
  return { gate, arrive };
}

test('listen/one stranger more than its address may hold: the one that waited longest goes, the new one stays', () => {
  const { gate, arrive } = crowd({ perAddress: 2, total: 10, connections: 10 });
  const [first, second] = [arrive('x'), arrive('x')];
  assert.ok(!first.destroyed && !second.destroyed);
  const other = arrive('y');
  const third = arrive('x');
  assert.deepEqual(
    [first, second, third, other].map((c) => c.destroyed),
    [true, false, false, false],
  );
  assert.equal(gate.unauthenticated, 3);
});

test('listen/strangers of one address in the place of all: they go, those of other addresses stay', () => {
  const { gate, arrive } = crowd({ perAddress: 3, total: 4, connections: 10 });
  const quiet = arrive('y');
  const crowding = [arrive('x'), arrive('x'), arrive('x')];
  const late = arrive('z');
  assert.deepEqual(
    [quiet, ...crowding, late].map((c) => c.destroyed),
    [false, true, false, false, false],
  );
  assert.equal(gate.unauthenticated, 4);
});

test('listen/strangers beyond all connections: never at the cost of somebody who authenticated', () => {
  const { gate, arrive } = crowd({ perAddress: 9, total: 9, connections: 3 });
  const [a, b, c] = [arrive('x'), arrive('x'), arrive('x')];
  gate.authenticated(a, 'alice');
  gate.authenticated(a, 'alice');
  gate.authenticated(b, 'alice');
  const d = arrive('y');
  assert.deepEqual(
    [a, b, c, d].map((one) => one.destroyed),
    [false, false, true, false],
  );
  gate.authenticated(d, 'alice');
  assert.ok(arrive('z').destroyed);
  assert.deepEqual([gate.open, gate.unauthenticated], [3, 0]);
  for (const one of [a, b, d]) one.destroy();
  assert.deepEqual([gate.open, gate.unauthenticated], [0, 0]);
});

test('listen/a principal that holds its share of connections: no more, and those it has stay', () => {
  const { gate, arrive } = crowd({ perAddress: 9, total: 9, connections: 9, perPrincipal: 2 });
  const [a, b, c] = [arrive('x'), arrive('y'), arrive('z')];
  assert.deepEqual(
    [gate.authenticated(a, 'alice'), gate.authenticated(b, 'alice'), gate.authenticated(c, 'alice')],
    [true, true, false],
  );
  assert.equal(gate.authenticated(c, 'bob'), true);
  a.destroy();
  assert.equal(gate.authenticated(arrive('x'), 'alice'), true);
  assert.deepEqual([gate.open, gate.unauthenticated], [3, 0]);
});

test('listen/a flood of strangers from as many addresses as there are places: each pays in turn, oldest first', () => {
  const { gate, arrive } = crowd({ perAddress: 4, total: 5, connections: 10 });
  const crowding = [arrive('a'), arrive('a')];
  const single = ['b', 'c', 'd'].map(arrive);
  assert.deepEqual(
    single.concat(arrive('e')).map((one) => one.destroyed),
    [false, false, false, false],
  );
  assert.deepEqual(
    crowding.map((one) => one.destroyed),
    [true, false],
  );
  for (const address of ['f', 'g', 'h', 'i', 'j']) arrive(address);
  assert.deepEqual(
    [...crowding, ...single].map((one) => one.destroyed),
    [true, true, true, true, true],
  );
  assert.equal(gate.unauthenticated, 5);
});

test('listen/bodies under way: counted past the first bytes of each, per principal and in total', () => {
  const limits = { receivingBytesPerPrincipal: 100, receivingBytes: 150 };
  const receiving = new Receiving(limits);
  const [first, second, other] = [receiving.open('alice'), receiving.open('alice'), receiving.open('bob')];
  assert.ok(first.add(FREE_BYTES));
  assert.equal(receiving.total, 0);
  assert.ok(first.add(100));
  assert.ok(second.add(FREE_BYTES));
  assert.ok(!second.add(1));
  second.done();
  assert.ok(other.add(FREE_BYTES + 50));
  assert.ok(!other.add(1));
  first.done();
  assert.ok(other.add(1));
  other.done();
  other.done();
  assert.equal(receiving.total, 0);
});

test('sockets of runs come and go undisturbed; one of another process, or deeper, is a finding', () => {
  const sockets = { address: '/home/g/run/runs', port: null, folderOf: 'egress' };
  const ids = (process: string, address: string) =>
    checkListeners({
      measured: [{ process, family: 'unix', address, port: null }],
      declared: [sockets],
      outbound: [],
      home: { path: '/home/g', mode: 0o40700, uid: 7 },
      uid: 7,
    }).map(({ id }) => id);
  assert.deepEqual(ids('egress', '/home/g/run/runs/a.sock'), []);
  assert.deepEqual(ids('gateway', '/home/g/run/runs/a.sock'), ['listen.undeclared']);
  assert.deepEqual(ids('egress', '/home/g/run/runs/a/b.sock'), ['listen.undeclared']);
  assert.deepEqual(ids('egress', '/home/g/run/other.sock'), ['listen.undeclared']);
});

test('what is open and not declared, declared and not open, dialled, or readable by others is a finding', () => {
  const facts: ListenFacts = {
    measured: [{ process: 'gateway', family: 'tcp4', address: '127.0.0.1', port: 1 }],
    declared: [{ address: '127.0.0.1', port: 1 }],
    outbound: [],
    home: { path: '/home/g', mode: 0o40700, uid: 7 },
    uid: 7,
  };
  assert.deepEqual(checkListeners(facts), []);
  const ids = (change: Partial<ListenFacts>) =>
    checkListeners({ ...facts, ...change }).map((f) => [f.id, f.severity]);
  const stray = { process: 'gateway', family: 'tcp4', address: '127.0.0.1', port: 9229 } as const;
  assert.deepEqual(ids({ measured: [...facts.measured, stray] }), [['listen.undeclared', 'high']]);
  const wide = { ...stray, address: '0.0.0.0' };
  assert.deepEqual(ids({ measured: [...facts.measured, wide] }), [['listen.exposed', 'critical']]);
  assert.deepEqual(ids({ measured: [] }), [['listen.absent', 'warning']]);
  const dialled = [{ process: 'gateway', address: '203.0.113.1', port: 443 }];
  assert.deepEqual(ids({ outbound: dialled }), [['listen.gateway-dials', 'critical']]);
  assert.deepEqual(ids({ home: { ...facts.home, mode: 0o40750 } }), [['listen.home-open', 'critical']]);
  assert.deepEqual(ids({ uid: 0 }), [['listen.home-owner', 'critical']]);
  const synced = { ...facts.home, path: '/home/g/Dropbox/gatehouse' };
  assert.deepEqual(
    ids({ home: synced }).map(([id]) => id),
    ['home.synced'],
  );
});

test('listen/an IPv4 address written as a compatible one of IPv6 (::127.0.0.1) that should read as loopback: refused', () => {
  for (const text of ['::127.0.0.1', '0:0:0:0:0:0:127.0.0.1', '0000::127.0.0.1']) {
    assert.equal(isLoopback(text), false, text);
    assert.notEqual(normaliseAddress(text), '127.0.0.1', text);
    const forwarded = checkForwarded({ 'x-forwarded-for': text }, '192.0.2.1', ['192.0.2.1']);
    assert.ok(!('address' in forwarded) || !isLoopback(forwarded.address), text);
    assert.ok(checkHost(`[${text}]`, LOOPBACK_HOSTS) !== undefined, text);
  }
  assert.equal(normaliseAddress('::ffff:127.0.0.1'), '127.0.0.1');
});
