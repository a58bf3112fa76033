import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../../kernel/testing/fuzz.ts';
import { judgeConnectHead, judgeHead } from './head.ts';
import { judgeAuthority, judgeHost, judgeUrl } from './host.ts';
import { rule, startRunProxy, TableResolver } from './testing/parts.ts';
import { countingServer, rawRequest } from './testing/sockets.ts';

const PIECES = [
  'api.example.org',
  'evil.example',
  '127.0.0.1',
  'xn--',
  '@',
  ':',
  '.',
  '%2e',
  '[',
  ']',
  '//',
  '\\',
  '\t',
  '\0',
  '\u3002',
  '443',
  '*',
  '/../',
  '?',
  '#',
];
const piece = fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 }));
const address = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));

/** Whatever is accepted names exactly what it says: lower case, no dot at an end, and the same when it is judged again. */
test('what the judgement of hosts accepts is canonical, and judging it again changes nothing', async () => {
  await fuzz(
    fc.property(address, (text) => {
      const judged = judgeHost(text);
      if (!judged.ok) return;
      const written = judged.literal === 6 ? `[${judged.host}]` : judged.host;
      const again = judgeHost(written);
      assert.ok(again.ok && again.host === judged.host && again.literal === judged.literal);
      assert.equal(judged.host, judged.host.toLowerCase());
      assert.doesNotMatch(judged.host, /[\s@%\\/?#*]|\.$|^\./);
    }),
    { numRuns: 6_000 },
  );
});

test('an accepted URL or authority has the host that stands in its text, never one behind a trick', async () => {
  await fuzz(
    fc.property(address, (text) => {
      const url = judgeUrl(`http://${text}`);
      if (url.ok) {
        const { host, port } = url.url.target;
        assert.ok(
          text
            .toLowerCase()
            .replace(/^\[|\]/g, '')
            .startsWith(host) || host.includes(':'),
        );
        assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535);
        assert.ok(url.url.path.startsWith('/'));
      }
      const authority = judgeAuthority(text);
      if (authority.ok) assert.ok(!text.includes('@'));
    }),
    { numRuns: 6_000 },
  );
});

const NAMES = [
  'Host',
  'host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Upgrade',
  'X-A',
  'Via',
  'X-HTTP-Method-Override',
  'Proxy-Authorization',
];
const VALUES = [
  'a',
  '5',
  '+5',
  '05',
  'chunked',
  'gzip, chunked',
  'close',
  'keep-alive, X-A',
  'h2c',
  'api.example.org',
  '',
];
const headers = fc
  .array(
    fc.tuple(fc.constantFrom(...NAMES), fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 6 }))),
    { maxLength: 8 },
  )
  .map((pairs) => pairs.flat());

test('an accepted head has one framing, one Host, and nothing that speaks for this hop or for another client', async () => {
  await fuzz(
    fc.property(
      headers,
      fc.constantFrom('GET', 'POST', 'TRACE', 'CONNECT', 'PRI'),
      fc.constantFrom('1.0', '1.1'),
      (raw, method, version) => {
        const judged = judgeHead(method, version, raw);
        if (!judged.ok) return;
        assert.ok(method === 'GET' || method === 'POST');
        const { headers: kept, framing } = judged.head;
        assert.ok(framing.length === 0 || framing.length === 2);
        const names = kept.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
        for (const name of [
          'host',
          'content-length',
          'transfer-encoding',
          'connection',
          'upgrade',
          'via',
          'proxy-authorization',
          'x-http-method-override',
        ]) {
          assert.ok(!names.includes(name), name);
        }
        judgeConnectHead(raw);
      },
    ),
    { numRuns: 6_000 },
  );
});

test('a proxy that is sent mutated requests stays up, answers, and reaches nothing but the host that is allowed', async () => {
  await using allowed = await countingServer((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  );
  await using other = await countingServer();
  const rules = [rule('api.example.org', allowed.port, { protocol: 'http', networks: ['127.0.0.0/8'] })];
  const resolver = new TableResolver({ 'api.example.org': [['127.0.0.1']] });
  await using proxy = await startRunProxy({
    rules,
    resolver,
    limits: { headMs: 150, idleMs: 150, totalMs: 1_000, requestsPerRun: 1_000_000 },
  });
  const base = `GET http://api.example.org:${allowed.port}/ HTTP/1.1\r\nHost: api.example.org:${allowed.port}\r\nConnection: close\r\n\r\n`;
  const edit = fc.tuple(
    fc.nat(base.length),
    fc.oneof(piece, fc.constantFrom('\r\n', '\n', ' ', `127.0.0.1:${other.port}`)),
    fc.nat(3),
  );
  await fuzz(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      let text = base;
      for (const [at, more, cut] of edits) text = text.slice(0, at) + more + text.slice(at + cut);
      const answer = await rawRequest(proxy.socketPath, `${text}\r\n\r\n`);
      assert.match(answer, /^(HTTP\/1\.1 \d{3} |$)/);
    }),
    { numRuns: 75 },
  );
  assert.equal(other.connections, 0);
  assert.deepEqual(
    [...new Set(resolver.asked)].filter((host) => host !== 'api.example.org'),
    [],
  );
  const answer = await rawRequest(proxy.socketPath, base);
  assert.match(answer, /^HTTP\/1\.1 200 /);
});
