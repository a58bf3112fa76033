import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { compileEgressRules, DEFAULT_EGRESS_LIMITS } from '../../controls/egress/index.ts';
import { certificateFor } from '../../controls/egress/testing/certificates.ts';
import { TunnelClient } from '../../controls/egress/testing/intercepted.ts';
import {
  IDENTITY,
  MemoryLedger,
  rule,
  TableResolver,
  TestClock,
} from '../../controls/egress/testing/parts.ts';
import { codeOf, rawRequest } from '../../controls/egress/testing/sockets.ts';
import { type SeenRequest, tlsServer } from '../../controls/egress/testing/tls-server.ts';
import { createEgressClient } from '../../drivers/egress-client/index.ts';
import { authorityOf, type EgressIdentity, type Logger, type Rule } from '../../kernel/index.ts';
import type { EgressInputs } from './inputs.ts';
import { runEgress } from './run.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const HOST = 'api.service.dev';
const OTHER = 'other.service.dev';
const VALUE = 'sk-live-"quoted"/and+plus=9f8e7d6c5b4a';
const PASSWORD = 'ghp-password-0a1b2c3d4e5f';
const certificate = certificateFor(HOST, OTHER);

const home = mkdtempSync(join(tmpdir(), 'gh-'));
const paths = { run: join(home, 'run'), keys: join(home, 'keys') };
const ledger = Object.assign(new MemoryLedger(), { close: () => Promise.resolve() });
let upstream: Awaited<ReturnType<typeof tlsServer>>;
let answer: (request: SeenRequest, response: ServerResponse) => void;
let egress: Awaited<ReturnType<typeof runEgress>>;
let client: ReturnType<typeof createEgressClient>;
let runs = 0;

const may = (secret: string): Rule => ({
  id: `secret:${secret}`,
  kind: 'secret.use',
  effect: 'allow',
  match: { secret: [secret] },
});

function inputs(): EgressInputs {
  const { port } = upstream;
  const open = { networks: ['127.0.0.0/8'] };
  const rules = [
    rule(HOST, port, { ...open, id: 'read', methods: ['GET'], secrets: ['API_KEY', 'GIT_PASS', 'UNLISTED'] }),
    rule(HOST, port, { ...open, id: 'write', methods: ['POST'], paths: ['/write'] }),
    rule(HOST, port, {
      ...open,
      id: 'attached',
      methods: ['DELETE'],
      secrets: ['API_KEY'],
      attach: 'API_KEY',
    }),
    rule(OTHER, port, { ...open, id: 'other', secrets: ['API_KEY'] }),
    rule(OTHER, port, { ...open, id: 'astray', methods: ['PATCH'], secrets: ['API_KEY'], attach: 'API_KEY' }),
    rule(HOST, 8080, { ...open, protocol: 'http', id: 'plain' }),
  ];
  const layer = {
    id: 'playbook:test',
    rules: [...compileEgressRules(rules), may('API_KEY'), may('GIT_PASS')],
  };
  const bound = (name: string, id: string, places: readonly string[]) =>
    ({ name, source: 'env', id, hosts: [{ host: HOST, port }], places }) as const;
  return {
    hash: 'h1',
    agents: new Map([['main', { authority: authorityOf(layer), rules, bounds: [] }]]),
    mail: [],
    providerRules: [],
    exports: [],
    telemetryRules: [],
    secrets: [],
    runSecrets: [
      bound('API_KEY', 'KEY', ['authorization: Bearer {}', 'x-api-key: {}', 'query: key']),
      bound('GIT_PASS', 'PASS', ['authorization: Basic {}']),
      bound('UNLISTED', 'KEY', ['x-api-key: {}']),
    ],
    limits: DEFAULT_EGRESS_LIMITS,
    grantPolicy: {
      enabled: false,
      twoPersons: false,
      maxHours: 1,
      kinds: [],
      breakglass: { enabled: false, maxMinutes: 1 },
    },
    ownPorts: [],
  };
}

before(async () => {
  for (const folder of Object.values(paths)) mkdirSync(folder, { mode: 0o700 });
  upstream = await tlsServer(certificate, (request, response) => answer(request, response));
  egress = await runEgress({
    paths,
    version: '1',
    variables: { KEY: VALUE, PASS: PASSWORD },
    gatewayPid: process.pid,
    clock: new TestClock(),
    openLogger: () => SILENT,
    resolver: new TableResolver({ [HOST]: [['127.0.0.1']], [OTHER]: [['127.0.0.1']] }),
    load: () => Promise.resolve(inputs()),
    openLedger: () => Promise.resolve(ledger),
    ca: certificate.cert,
  });
  client = createEgressClient({
    controlSocket: join(paths.run, 'egress.sock'),
    providerSocket: join(paths.run, 'provider.sock'),
    clock: new TestClock(),
    logger: SILENT,
  });
  await client.ready(10_000);
});

after(async () => {
  client.close();
  await egress.stop();
  await upstream[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

beforeEach(() => {
  answer = (_request, response) => void response.end('hello');
  upstream.seen.length = 0;
  ledger.events.length = 0;
});

const ASKED = ['API_KEY', 'GIT_PASS', 'UNLISTED', 'NONE'];

async function openRun(more: Partial<EgressIdentity> = {}, asked: readonly string[] = ASKED) {
  const run = `run-${++runs}`;
  const opened = await client.openRun({ ...IDENTITY, run, ...more }, asked);
  const ca =
    readFileSync(opened.trustBundle ?? '', 'utf8').match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/,
    )?.[0] ?? '';
  return {
    ...opened,
    ca,
    async send(host: string, text: string): Promise<string> {
      const tunnel = await TunnelClient.open(opened.socketPath, `${host}:${upstream.port}`, ca);
      tunnel.send(text);
      return unchunked(await tunnel.all());
    },
    [Symbol.asyncDispose]: async () => void (await client.closeRun(run)),
  };
}

/** An answer with its chunks put together (RFC 9112 section 7.1). */
function unchunked(text: string): string {
  const end = text.indexOf('\r\n\r\n') + 4;
  if (!/transfer-encoding: chunked/i.test(text.slice(0, end))) return text;
  let body = '';
  for (let at = end; at < text.length; ) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (!(size > 0)) break;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
  return text.slice(0, end) + body;
}

function request(host: string, path: string, ...headers: readonly string[]): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${upstream.port}`,
    ...headers,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
}

function headerOf({ headers }: SeenRequest, name: string): string | undefined {
  const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

test('a run gets placeholders of what its agent may use, the same in one session and others in another', async () => {
  await using first = await openRun();
  await using again = await openRun();
  await using other = await openRun({ session: 's2' });
  assert.deepEqual(Object.keys(first.env), ['API_KEY', 'GIT_PASS']);
  assert.match(first.env['API_KEY'] ?? '', /^gatehouse_secret_[0-9a-f]{40}$/);
  assert.deepEqual(again.env, first.env);
  assert.notEqual(other.env['API_KEY'], first.env['API_KEY']);
});

test('the value arrives in each place that it is bound to, and the use is on record before', async () => {
  await using run = await openRun();
  const { API_KEY = '', GIT_PASS = '' } = run.env;
  await run.send(HOST, request(HOST, '/a', `Authorization: Bearer ${API_KEY}`));
  await run.send(HOST, request(HOST, '/b', `X-Api-Key: ${API_KEY}`));
  await run.send(HOST, request(HOST, `/c?a=1&key=${API_KEY}&b=2`));
  await run.send(HOST, request(HOST, '/d', `Authorization: Basic ${btoa(`user:${GIT_PASS}`)}`));
  const [a, b, c, d] = upstream.seen;
  assert.ok(a && b && c && d);
  assert.equal(headerOf(a, 'authorization'), `Bearer ${VALUE}`);
  assert.equal(headerOf(b, 'x-api-key'), VALUE);
  assert.equal(c.url, `/c?a=1&key=${encodeURIComponent(VALUE)}&b=2`);
  assert.equal(headerOf(d, 'authorization'), `Basic ${btoa(`user:${PASSWORD}`)}`);
  const uses = ledger.events.filter(({ action }) => action === 'secret.use');
  assert.deepEqual(
    uses.map(({ outcome, rule: by, data }) => [outcome, by, data?.['secret']]),
    [
      ['allow', 'playbook:test/secret:API_KEY', 'API_KEY'],
      ['allow', 'playbook:test/secret:API_KEY', 'API_KEY'],
      ['allow', 'playbook:test/secret:API_KEY', 'API_KEY'],
      ['allow', 'playbook:test/secret:GIT_PASS', 'GIT_PASS'],
    ],
  );
  const all = JSON.stringify(ledger.events);
  assert.equal(all.includes(JSON.stringify(VALUE).slice(1, -1)) || all.includes(PASSWORD), false);
  const { secrets } = await client.runSecrets();
  assert.deepEqual(
    secrets.map(({ name, uses: count }) => [name, count]),
    [
      ['API_KEY', 3],
      ['GIT_PASS', 1],
      ['UNLISTED', 0],
    ],
  );
});

describe('a secret that a rule attaches', () => {
  const asked = (host: string, method: string, ...headers: readonly string[]) =>
    request(host, '/', ...headers).replace(/^GET/, method);

  test('goes into each request of that rule, whatever the run put there itself, and is recorded', async () => {
    await using run = await openRun();
    await run.send(HOST, asked(HOST, 'DELETE'));
    await run.send(HOST, asked(HOST, 'DELETE', 'AUTHORIZATION: Bearer of-the-run'));
    assert.deepEqual(
      upstream.seen.map((one) => headerOf(one, 'authorization')),
      [`Bearer ${VALUE}`, `Bearer ${VALUE}`],
    );
    const uses = ledger.events.filter(({ action }) => action === 'secret.use');
    assert.equal(uses.length, 2);
  });

  test('secrets/one for a run that may not use it now: refused', async () => {
    await using run = await openRun({}, []);
    await run.send(HOST, asked(HOST, 'DELETE'));
    const [first] = upstream.seen;
    assert.ok(first);
    assert.equal(headerOf(first, 'authorization'), undefined);
  });

  test('secrets/one for a host that it is not bound to: refused', async () => {
    await using run = await openRun();
    const text = await run.send(OTHER, asked(OTHER, 'PATCH'));
    assert.equal(codeOf(text), 'SECRET_WRONG_HOST');
    assert.equal(upstream.seen.length, 0);
  });

  test('secrets/one that its rule does not name: refused', () => {
    const spec = rule(HOST, 443, { methods: ['GET'], secrets: ['GIT_PASS'], attach: 'API_KEY' });
    assert.throws(() => compileEgressRules([spec]), { code: 'EGRESS_RULE_INVALID' });
    assert.throws(() => compileEgressRules([rule(HOST, 443, { attach: 'API_KEY' })]), {
      code: 'EGRESS_RULE_INVALID',
    });
  });
});

const bearer = (text: string): string => `Authorization: Bearer ${text}`;
type Attempt = (key: string, pass: string) => string;
const refusals: readonly (readonly [title: string, host: string, attempt: Attempt, code: string])[] = [
  ['a secret of another host', OTHER, (key) => request(OTHER, '/', bearer(key)), 'SECRET_WRONG_HOST'],
  [
    'a secret of another host as Basic',
    OTHER,
    (_, pass) => request(OTHER, '/', `Authorization: Basic ${btoa(`u:${pass}`)}`),
    'SECRET_WRONG_HOST',
  ],
  [
    'a secret in the query of another host',
    OTHER,
    (key) => request(OTHER, `/?key=${key}`),
    'SECRET_WRONG_HOST',
  ],
  ['a secret in another header', HOST, (key) => request(HOST, '/', `X-Log: ${key}`), 'SECRET_WRONG_PLACE'],
  ['a secret in a cookie', HOST, (key) => request(HOST, '/', `Cookie: a=${key}`), 'SECRET_WRONG_PLACE'],
  [
    'a secret in the User-Agent',
    HOST,
    (key) => request(HOST, '/', `User-Agent: ${key}`),
    'SECRET_WRONG_PLACE',
  ],
  [
    'a secret with another scheme',
    HOST,
    (key) => request(HOST, '/', `Authorization: Token ${key}`),
    'SECRET_WRONG_PLACE',
  ],
  ['a secret in the path', HOST, (key) => request(HOST, `/${key}`), 'SECRET_WRONG_PLACE'],
  ['a secret in another parameter', HOST, (key) => request(HOST, `/?q=${key}`), 'SECRET_WRONG_PLACE'],
  [
    'a secret as Basic that is bound as Bearer',
    HOST,
    (key) => request(HOST, '/', `Authorization: Basic ${btoa(`u:${key}`)}`),
    'SECRET_WRONG_PLACE',
  ],
  [
    'a secret twice',
    HOST,
    (key) => request(HOST, '/', bearer(key), `X-Api-Key: ${key}`),
    'SECRET_WRONG_PLACE',
  ],
  [
    'a secret with something behind it',
    HOST,
    (key) => request(HOST, '/', bearer(`${key}x`)),
    'SECRET_UNKNOWN',
  ],
  [
    'half a placeholder',
    HOST,
    (key) => request(HOST, '/', bearer(key.slice(0, 30)), `X-Api-Key: ${key.slice(30)}`),
    'SECRET_UNKNOWN',
  ],
  [
    'a placeholder in capitals',
    HOST,
    (key) => request(HOST, '/', bearer(key.toUpperCase())),
    'SECRET_UNKNOWN',
  ],
  [
    'an invented placeholder',
    HOST,
    () => request(HOST, '/', bearer(`gatehouse_secret_${'0'.repeat(40)}`)),
    'SECRET_UNKNOWN',
  ],
  [
    'a secret in a request whose rule does not name it',
    HOST,
    (key) => request(HOST, '/write', bearer(key)).replace('GET', 'POST'),
    'EGRESS_SECRET_NOT_IN_RULE',
  ],
];
for (const [title, host, attempt, code] of refusals) {
  test(`secrets/${title}: refused`, async () => {
    await using run = await openRun();
    const text = await run.send(host, attempt(run.env['API_KEY'] ?? '', run.env['GIT_PASS'] ?? ''));
    assert.equal(codeOf(text), code);
    assert.equal(upstream.seen.length, 0);
    assert.equal((await ledger.refusal(code)).outcome, 'deny');
    if (code.startsWith('SECRET_')) {
      const alert = await ledger.seen(({ type, action }) => type === 'alert' && action === 'secrets.misuse');
      assert.equal(alert.code, code);
      assert.equal(alert.subject?.agent, 'main');
    }
  });
}

test("secrets/another session's placeholder: refused", async () => {
  await using stranger = await openRun({ session: 's9' });
  await using run = await openRun();
  const text = await run.send(HOST, request(HOST, '/', bearer(stranger.env['API_KEY'] ?? '')));
  assert.equal(codeOf(text), 'SECRET_UNKNOWN');
  assert.equal(upstream.seen.length, 0);
});

test('secrets/a placeholder of a run that was opened without it, as under taint: refused', async () => {
  await using before = await openRun();
  await using run = await openRun({}, []);
  assert.deepEqual(run.env, {});
  const text = await run.send(HOST, request(HOST, '/', bearer(before.env['API_KEY'] ?? '')));
  assert.equal(codeOf(text), 'SECRET_UNKNOWN');
});

test('secrets/a placeholder in plain HTTP: refused', async () => {
  await using run = await openRun();
  const head = `GET http://${HOST}:8080/ HTTP/1.1\r\nHost: ${HOST}:8080\r\n${bearer(run.env['API_KEY'] ?? '')}\r\nConnection: close\r\n\r\n`;
  assert.equal(codeOf(await rawRequest(run.socketPath, head)), 'EGRESS_SECRET_IN_CLEAR');
});

test('a placeholder that is encoded, compressed or in a body is sent as it is and means nothing', async () => {
  await using run = await openRun();
  const { API_KEY = '' } = run.env;
  const body = `{"key":"${API_KEY}"}`;
  const post = `POST /write HTTP/1.1\r\nHost: ${HOST}:${upstream.port}\r\nContent-Length: ${body.length}\r\nX-Base64: ${btoa(API_KEY)}\r\nConnection: close\r\n\r\n${body}`;
  await run.send(HOST, post);
  const [seen] = upstream.seen;
  assert.equal(seen?.body, body);
  assert.equal(seen === undefined ? '' : headerOf(seen, 'x-base64'), btoa(API_KEY));
});

const forms: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => value,
  base64: (value) => btoa(`x:${value}`),
  'base64 for URLs': (value) => Buffer.from(`xy${value}`).toString('base64url'),
  percent: (value) => encodeURIComponent(value),
  JSON: (value) => JSON.stringify({ value }),
  hex: (value) => Buffer.from(value).toString('hex'),
  'HTML entities': (value) => value.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
};

/** Whatever of the value could still be read out. */
function readable(text: string): boolean {
  const known = [
    VALUE,
    JSON.stringify(VALUE).slice(1, -1),
    encodeURIComponent(VALUE),
    Buffer.from(VALUE).toString('hex'),
    VALUE.replaceAll('"', '&quot;'),
  ];
  if (known.some((form) => text.includes(form))) return true;
  return (text.match(/[A-Za-z0-9+/_-]{16,}/g) ?? []).some((word) =>
    [0, 1, 2, 3].some((skip) =>
      Buffer.from(word.slice(skip), 'base64').toString('latin1').includes('quoted"/and+plus'),
    ),
  );
}

for (const [form, encode] of Object.entries(forms)) {
  test(`secrets/a value that the host sends back as ${form}: refused`, async () => {
    await using run = await openRun();
    answer = (_seen, response) => {
      response.setHeader('x-echo', encode(VALUE));
      response.setHeader('location', `https://${OTHER}/?k=${encodeURIComponent(VALUE)}`);
      const bytes = Buffer.from(`before ${encode(VALUE)} after`);
      // One byte at a time: a value is found however the answer is cut.
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    };
    const text = await run.send(HOST, request(HOST, '/', bearer(run.env['API_KEY'] ?? '')));
    assert.equal(readable(text), false, text);
    assert.match(text, /\r\n\r\nbefore .*\*+.* after$/);
  });
}

const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
for (const [coding, encode] of Object.entries(codings)) {
  test(`secrets/a value that the host sends back in ${coding}: refused`, async () => {
    await using run = await openRun();
    answer = (_seen, response) => {
      const body = encode(Buffer.from(`before ${VALUE} after`));
      response.writeHead(200, { 'content-encoding': coding, 'content-length': body.length }).end(body);
    };
    const text = await run.send(
      HOST,
      request(HOST, '/', bearer(run.env['API_KEY'] ?? ''), `Accept-Encoding: ${coding}`),
    );
    assert.equal(readable(text), false);
    assert.match(text, /before \*+ after/);
    assert.equal(
      headerOf(upstream.seen[0] ?? { headers: [], method: '', url: '', body: '' }, 'accept-encoding'),
      'identity',
    );
  });
}

test('egress/an answer in a coding that cannot be looked into: refused', async () => {
  await using run = await openRun();
  answer = (_seen, response) => void response.writeHead(200, { 'content-encoding': 'gzip, br' }).end('x');
  const text = await run.send(HOST, request(HOST, '/', bearer(run.env['API_KEY'] ?? '')));
  assert.equal(codeOf(text), 'EGRESS_UPSTREAM_ENCODED');
});

test('secrets/a value that the host repeats in ranges, trailers, early hints or its reason: refused', async () => {
  await using run = await openRun();
  answer = (seen, response) => {
    assert.equal(headerOf(seen, 'range'), undefined);
    response.writeEarlyHints({ link: `</${encodeURIComponent(VALUE)}>; rel=preload` });
    response.writeHead(200, 'reason sk-live', { trailer: 'x-echo' });
    response.write('body');
    response.addTrailers({ 'x-echo': VALUE });
    response.end();
  };
  const text = await run.send(HOST, request(HOST, '/', bearer(run.env['API_KEY'] ?? ''), 'Range: bytes=0-9'));
  assert.equal(readable(text), false);
  assert.doesNotMatch(text, /x-echo|early|103|sk-live/i);
});

test('the key of the authority is readable by this account alone and stands nowhere that a run sees', async () => {
  await using run = await openRun();
  for (const name of readdirSync(paths.keys)) {
    if (!name.endsWith('.pub')) assert.equal(statSync(join(paths.keys, name)).mode & 0o077, 0, name);
  }
  assert.doesNotMatch(readFileSync(run.trustBundle ?? '', 'utf8'), /PRIVATE KEY/);
  assert.match(readFileSync(join(paths.keys, 'interception.pem'), 'utf8'), /PRIVATE KEY/);
  const { authority } = await client.runSecrets();
  assert.match(authority?.fingerprint ?? '', /^[0-9a-f]{64}$/);
});
