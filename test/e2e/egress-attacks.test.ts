import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRun, type RunWay } from '../fixtures/egress-home.ts';
import { type EgressWorld, METADATA, PUBLIC, startEgressWorld } from '../fixtures/egress-world.ts';
import { records } from '../fixtures/operator.ts';

let world: EgressWorld;
let run: RunWay;

/** What the operator allows: one host in the clear, one for TLS, one wildcard, and one whose name is Latin. */
const POLICY = `version: 1
rules:
  - { id: plain, host: api.vendor.org, port: 80, protocol: http, owner: o, ticket: T }
  - { id: any, host: api.vendor.org, port: 8080, owner: o, ticket: T }
  - { id: tls, host: api.vendor.org, port: 443, owner: o, ticket: T }
  - { id: wild, host: "*.wild.org", port: 80, protocol: http, owner: o, ticket: T }
  - { id: proxy, host: proxy.vendor.org, port: 80, protocol: http, owner: o, ticket: T }
`;

const a = (value: string) => [{ records: [{ type: 'A', value }] }];

before(async () => {
  world = await startEgressWorld({
    prepare(home) {
      mkdirSync(join(home, 'policy'), { mode: 0o700 });
      writeFileSync(join(home, 'policy', 'egress.yaml'), POLICY, { mode: 0o600 });
    },
  });
  run = await openRun(world.home, { run: 'run-attacks' });
});

after(async () => {
  await run?.close();
  await world?.[Symbol.asyncDispose]();
});

/** What came to every server so far, and what was asked of the name server. */
async function marks() {
  const { seen, asked } = await world.state();
  return { arrived: Object.values(seen).reduce((sum, list) => sum + list.length, 0), asked: asked.length };
}

async function codeRecorded(code: string): Promise<number> {
  return (await records(world.home, { type: 'egress', code, run: 'run-attacks' })).length;
}

interface Attack {
  readonly what: string;
  readonly code: string;
  readonly bytes: string;
  /** A name that is listed is looked up; no other is. */
  readonly resolves?: boolean;
  /** The tunnel stands before its content is judged, and content is refused inside it. */
  readonly until?: RegExp;
}

/** The refusal and its code, the record, and nothing that arrived or was asked. */
async function refusedAttack({ code, bytes, resolves = false, until }: Attack): Promise<void> {
  const [before, known] = [await marks(), await codeRecorded(code)];
  const answer = await run.raw(bytes, until);
  assert.match(answer, new RegExp(`x-gatehouse-code: ${code}|"code":"${code}"|^$`, 'i'));
  const after = await marks();
  assert.equal(after.arrived, before.arrived, 'something reached a server');
  if (!resolves) assert.equal(after.asked, before.asked, 'a name was looked up');
  assert.ok((await codeRecorded(code)) > known, `no record with ${code}`);
}

function connect(authority: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
}

function get(url: string, host: string, ...more: readonly string[]): string {
  return [`GET ${url} HTTP/1.1`, `Host: ${host}`, ...more, 'Connection: close', '', ''].join('\r\n');
}

const URL_OK = 'http://api.vendor.org/';

const NAMES: readonly Attack[] = [
  ...[
    '2130706433:80',
    '017700000001:80',
    '0x7f000001:80',
    '127.1:80',
    '0x7f.1:80',
    '127.0.0.1.:80',
    '1.2.3.4.5:80',
  ].map((authority) => ({
    what: `1 an address as ${authority}`,
    code: 'EGRESS_HOST_(AMBIGUOUS|INVALID)',
    bytes: connect(authority),
  })),
  {
    what: '2 full-width digits',
    code: 'EGRESS_(HOST_NOT_ASCII|HOST_INVALID|REQUEST_MALFORMED)',
    bytes: connect('\uff11\uff12\uff17.0.0.1:80'),
  },
  {
    what: '2 an ideographic full stop',
    code: 'EGRESS_(HOST_NOT_ASCII|HOST_INVALID|REQUEST_MALFORMED)',
    bytes: connect('api\u3002vendor.org:80'),
  },
  {
    what: '2 a soft hyphen',
    code: 'EGRESS_(HOST_NOT_ASCII|HOST_INVALID|REQUEST_MALFORMED)',
    bytes: connect('api.ven\u00addor.org:80'),
  },
  { what: '3 a trailing dot', code: 'EGRESS_HOST_INVALID', bytes: connect('api.vendor.org.:443') },
  { what: '3 two dots', code: 'EGRESS_HOST_INVALID', bytes: connect('api..vendor.org:443') },
  {
    what: '5 a Cyrillic look-alike as A-label',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: connect('xn--pi-7kc.vendor.org:443'),
  },
  {
    what: '5 an A-label that no name encodes to',
    code: 'EGRESS_HOST_INVALID',
    bytes: connect('xn--a.vendor.org:443'),
  },
  {
    what: '5 an A-label of plain letters',
    code: 'EGRESS_HOST_INVALID',
    bytes: connect('xn--api-.vendor.org:443'),
  },
  { what: '6 percent-encoding', code: 'EGRESS_HOST_INVALID', bytes: connect('%61pi.vendor.org:443') },
  {
    what: '6 a backslash',
    code: 'EGRESS_(HOST_INVALID|URL_INVALID|PORT_INVALID|REQUEST_MALFORMED)',
    bytes: get('http://evil.org\\api.vendor.org/', 'api.vendor.org'),
  },
  {
    what: '6 a user name',
    code: 'EGRESS_(HOST_INVALID|URL_INVALID|PORT_INVALID|REQUEST_MALFORMED)',
    bytes: get('http://api.vendor.org@evil.org/', 'api.vendor.org'),
  },
  {
    what: '6 a user name in CONNECT',
    code: 'EGRESS_HOST_INVALID',
    bytes: connect('api.vendor.org:443@evil.org:443'),
  },
  {
    what: '6 a tab',
    code: 'EGRESS_(REQUEST_MALFORMED|HOST_INVALID|URL_INVALID)',
    bytes: connect('api.ven\tdor.org:443'),
  },
  {
    what: '7 NUL in a name',
    code: 'EGRESS_(REQUEST_MALFORMED|HOST_INVALID)',
    bytes: connect('api.vendor.org\0.evil.org:443'),
  },
  {
    what: '7 a bare CR in a header',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'X-A: b\rHost: evil.org'),
  },
  {
    what: '7 NUL in a header',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'X-A: b\0c'),
  },
  { what: '8 brackets around a name', code: 'EGRESS_HOST_INVALID', bytes: connect('[api.vendor.org]:443') },
  { what: '8 a zone id', code: 'EGRESS_HOST_INVALID', bytes: connect('[fe80::1%25lo]:443') },
  ...[
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::a00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fe80::5efe:7f00:1]',
  ].map((host) => ({
    what: `9 ${host}`,
    code: 'EGRESS_(HOST_NOT_ALLOWED|ADDRESS_NOT_PUBLIC)',
    bytes: connect(`${host}:80`),
  })),
  ...[METADATA, '100.100.100.200', '168.63.129.16', '192.0.0.192', '[fd00:ec2::254]'].map((host) => ({
    what: `10 metadata at ${host}`,
    code: 'EGRESS_(HOST_NOT_ALLOWED|ADDRESS_NOT_PUBLIC)',
    bytes: get(`http://${host}/latest/meta-data/`, host),
  })),
  {
    what: '11 the apex of a wildcard',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: get('http://wild.org/', 'wild.org'),
  },
  {
    what: '11 two labels under a wildcard',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: get('http://a.b.wild.org/', 'a.b.wild.org'),
  },
  {
    what: '11 a suffix look-alike',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: get('http://evilwild.org/', 'evilwild.org'),
  },
  {
    what: '11 a wildcard as host',
    code: 'EGRESS_HOST_INVALID',
    bytes: get('http://*.wild.org/', '*.wild.org'),
  },
  ...['0', '65536', '+443', '-1', '0443', '44 3', '4294967739', ''].map((port) => ({
    what: `12 port ${JSON.stringify(port)}`,
    code: 'EGRESS_(PORT_INVALID|REQUEST_MALFORMED|HOST_NOT_ALLOWED)',
    bytes: connect(`api.vendor.org:${port}`),
  })),
  { what: '13 localhost', code: 'EGRESS_HOST_NOT_ALLOWED', bytes: get('http://localhost/', 'localhost') },
  {
    what: '13 a single label, which a search domain would complete',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: connect('db:80'),
  },
  {
    what: '14 egress itself by a path',
    code: 'EGRESS_(URL|HOST|PORT)_INVALID',
    bytes: get('http://unix:/run/egress.sock', 'unix'),
  },
  {
    what: '21 data in the name of a refused look-up',
    code: 'EGRESS_HOST_NOT_ALLOWED',
    bytes: connect('c2VjcmV0.evil.example.net:443'),
  },
];

const REQUESTS: readonly Attack[] = [
  {
    what: '23 Host that differs from CONNECT',
    code: 'EGRESS_HOST_MISMATCH',
    bytes: 'CONNECT api.vendor.org:443 HTTP/1.1\r\nHost: evil.org:443\r\n\r\n',
  },
  {
    what: '24 an absolute URL that differs from Host',
    code: 'EGRESS_HOST_MISMATCH',
    bytes: get(URL_OK, 'evil.org'),
  },
  {
    what: '24 two Host headers',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Host: evil.org'),
  },
  {
    what: '26 Content-Length with Transfer-Encoding',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
  },
  {
    what: '26 Transfer-Encoding in another spelling',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Transfer-Encoding: xchunked'),
  },
  {
    what: '26 two codings',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Transfer-Encoding: gzip, chunked'),
  },
  {
    what: '26 a folded header',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'X-A: b\r\n c'),
  },
  {
    what: '26 bare LF',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: `GET ${URL_OK} HTTP/1.1\nHost: api.vendor.org\n\n`,
  },
  {
    what: '27 two Content-Lengths',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Content-Length: 1', 'Content-Length: 2'),
  },
  {
    what: '27 a signed Content-Length',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: get(URL_OK, 'api.vendor.org', 'Content-Length: +1'),
  },
  {
    what: '29 Host named in Connection',
    code: 'EGRESS_HEADER_REFUSED',
    bytes: `GET ${URL_OK} HTTP/1.1\r\nHost: api.vendor.org\r\nConnection: close, authorization\r\n\r\n`,
  },
  {
    what: '34 a method override',
    code: 'EGRESS_HEADER_REFUSED',
    bytes: get(URL_OK, 'api.vendor.org', 'X-HTTP-Method-Override: DELETE'),
  },
  {
    what: '35 an upgrade to h2c',
    code: 'EGRESS_UPGRADE_REFUSED',
    bytes: `GET ${URL_OK} HTTP/1.1\r\nHost: api.vendor.org\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
  },
  {
    what: '36 HTTP/2 by prior knowledge',
    code: 'EGRESS_(REQUEST_MALFORMED|METHOD_REFUSED)',
    bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  },
  {
    what: '37 a WebSocket in the clear',
    code: 'EGRESS_UPGRADE_REFUSED',
    bytes: `GET ${URL_OK} HTTP/1.1\r\nHost: api.vendor.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  },
  {
    what: '38 extended CONNECT',
    code: 'EGRESS_(REQUEST_MALFORMED|HOST_INVALID|PORT_INVALID)',
    bytes: 'CONNECT /chat HTTP/1.1\r\nHost: api.vendor.org\r\n:protocol: websocket\r\n\r\n',
  },
  {
    what: '38 CONNECT-UDP',
    code: 'EGRESS_(UPGRADE_REFUSED|URL_INVALID)',
    bytes:
      'GET /.well-known/masque/udp/1.1.1.1/53/ HTTP/1.1\r\nHost: api.vendor.org\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n\r\n',
  },
  {
    what: '39 SOCKS5',
    code: 'EGRESS_REQUEST_MALFORMED',
    bytes: '\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50',
  },
  { what: '39 SOCKS4', code: 'EGRESS_REQUEST_MALFORMED', bytes: '\x04\x01\x00\x50\x7f\x00\x00\x01x\0' },
  {
    what: 'TRACE',
    code: 'EGRESS_METHOD_REFUSED',
    bytes: `TRACE ${URL_OK} HTTP/1.1\r\nHost: api.vendor.org\r\nConnection: close\r\n\r\n`,
  },
  {
    what: 'https in absolute form',
    code: 'EGRESS_(SCHEME_REFUSED|HOST_MISMATCH)',
    bytes: get('https://api.vendor.org/', 'api.vendor.org'),
  },
];

describe('names and addresses (attacks 1 to 14, 21)', () => {
  for (const attack of NAMES) {
    test(`egress/${attack.what}: refused`, async () => {
      await world.names({ 'A wild.org': a(PUBLIC), 'A db.attacker.example': a(PUBLIC) });
      await refusedWith(attack);
    });
  }

  test('4 upper and mixed case name the same host and no other', async () => {
    await world.names({ 'A api.vendor.org': a(PUBLIC) });
    assert.match(await run.raw(get('http://API.Vendor.ORG/', 'api.vendor.org')), /chirp/);
  });
});

/** As `refusedAttack`, where several codes are right: which one it is depends on the parser that sees it first. */
async function refusedWith(attack: Attack): Promise<void> {
  if (!/[(|]/.test(attack.code)) return refusedAttack(attack);
  const before = await marks();
  const answer = await run.raw(attack.bytes, attack.until);
  const [, code = ''] = /x-gatehouse-code: (\S+)/i.exec(answer) ?? [];
  assert.match(code, new RegExp(`^${attack.code}$`), answer);
  const after = await marks();
  assert.equal(after.arrived, before.arrived, 'something reached a server');
  if (attack.resolves !== true) assert.equal(after.asked, before.asked, 'a name was looked up');
  assert.ok((await codeRecorded(code)) > 0, `no record with ${code}`);
}

describe('requests (attacks 23 to 39)', () => {
  for (const attack of REQUESTS) test(`egress/${attack.what}: refused`, () => refusedWith(attack));

  test('egress/25 a tunnel in the clear that asks for another host in absolute form: refused', async () => {
    await world.names({ 'A api.vendor.org': a(PUBLIC) });
    const before = (await world.state()).seen[`${PUBLIC}:8080`]?.length ?? 0;
    const bytes = `${connect('api.vendor.org:8080')}${get('http://evil.org/', 'api.vendor.org:8080')}`;
    assert.match(await run.raw(bytes), /EGRESS_URL_INVALID/);
    assert.equal((await world.state()).seen[`${PUBLIC}:8080`]?.length ?? 0, before);
  });

  test('egress/28 a pipelined request to another host: refused, the first one is served', async () => {
    const bytes = `GET ${URL_OK}one HTTP/1.1\r\nHost: api.vendor.org\r\n\r\n${get('http://evil.org/two', 'evil.org')}`;
    const answer = await run.raw(bytes);
    assert.match(answer, /chirp/);
    assert.match(answer, /EGRESS_HOST_NOT_ALLOWED/);
    assert.ok((await world.state()).seen[`${PUBLIC}:80`]?.every((text) => !text.includes('/two')));
  });

  test('egress/30 a redirect into private space: goes back, and following it is refused', async () => {
    const to = encodeURIComponent(`http://${METADATA}/latest/`);
    const answer = await run.raw(
      get(`${URL_OK}redirect?to=${to}`, 'api.vendor.org', 'Authorization: Bearer x'),
    );
    assert.match(answer, /302 Found/);
    assert.match(await run.raw(get(`http://${METADATA}/latest/`, METADATA)), /EGRESS_HOST_NOT_ALLOWED/);
    assert.deepEqual((await world.state()).seen[`${METADATA}:80`], []);
  });

  test('31 headers that speak about proxies and addresses do not reach the host', async () => {
    const more = [
      'X-Forwarded-For: 127.0.0.1',
      'Forwarded: for=127.0.0.1',
      'Via: 1.1 x',
      'Proxy-Authorization: Basic eA==',
      'X-Gatehouse-Run: other',
      'Proxy-Connection: keep-alive',
    ];
    await run.raw(get(`${URL_OK}marked`, 'api.vendor.org', ...more));
    const seen = (await world.state()).seen[`${PUBLIC}:80`]?.find((text) => text.includes('/marked')) ?? '';
    assert.match(seen, /GET \/marked/);
    assert.doesNotMatch(seen, /forwarded|via:|proxy-|x-gatehouse/i);
  });

  test('egress/32 CONNECT through an allowed proxy: refused', async () => {
    await world.names({ 'A proxy.vendor.org': a(PUBLIC) });
    const bytes = `${connect('proxy.vendor.org:80')}CONNECT evil.org:443 HTTP/1.1\r\nHost: evil.org:443\r\n\r\n`;
    assert.match(await run.raw(bytes), /EGRESS_METHOD_REFUSED/);
  });

  test('egress/33 dot segments: reach the host as they were sent, where only host and port are decided', async () => {
    const answer = await run.raw(get(`${URL_OK}a/%2e%2e/..%2fb`, 'api.vendor.org'));
    assert.match(answer, /chirp/);
    const seen = (await world.state()).seen[`${PUBLIC}:80`] ?? [];
    assert.ok(seen.some((text) => text.startsWith('GET /a/%2e%2e/..%2fb ')));
  });

  test('egress/37 an answer that switches protocols unasked: refused', async () => {
    assert.match(await run.raw(get(`${URL_OK}switch`, 'api.vendor.org')), /EGRESS_UPSTREAM_PROTOCOL/);
  });

  test('egress/40 bytes that come early, behind CONNECT, and are no TLS: refused before the host is dialled', async () => {
    const before = await marks();
    await run.raw(`${connect('api.vendor.org:443')}SSH-2.0-x\r\n`);
    assert.equal((await marks()).arrived, before.arrived);
    assert.ok((await codeRecorded('EGRESS_NOT_TLS')) > 0);
  });
});
