import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { fakeEgress, REFUSAL, refuse } from '../../sandbox/testing/proxy.ts';
import { DEFAULT_MAX_BYTES, type Document, download, type Failure, MAX_REDIRECTS } from './download.ts';

const base = mkdtempSync(join(tmpdir(), 'gatehouse-fetch-'));
let secure: Server;
let count = 0;

before(async () => {
  const [key, cert] = [join(base, 'key.pem'), join(base, 'cert.pem')];
  const options =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.org';
  const names = ['-addext', 'subjectAltName=DNS:example.org'];
  execFileSync('openssl', [...options.split(' '), ...names, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  secure = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ path: request.url, host: request.headers.host }));
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
});
after(() => {
  secure.closeAllConnections();
  secure.close();
  rmSync(base, { recursive: true, force: true });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function fetchWith(
  url: string,
  answers: { plain?: Handler; tunnelTo?: number },
  options: { maxBytes?: number; timeoutMs?: number } = {},
): Promise<{ answer: Document | Failure; seen: readonly string[] }> {
  count += 1;
  const socketPath = join(base, `${count}.sock`);
  await using egress = await fakeEgress(socketPath, answers);
  const answer = await download(url, { socketPath, maxBytes: DEFAULT_MAX_BYTES, ...options });
  return { answer, seen: [...egress.seen] };
}

function text(body: string | Buffer, headers: Record<string, string> = {}): Handler {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers });
    response.end(body);
  };
}

function documentOf(answer: Document | Failure): Document {
  assert.ok(!('error' in answer), JSON.stringify(answer));
  return answer;
}

function codeOf(answer: Document | Failure): string {
  return 'error' in answer ? answer.error.code : '(a document)';
}

test('an https page comes through a tunnel, checked against the certificate authorities', async () => {
  process.env['SSL_CERT_FILE'] = join(base, 'cert.pem');
  const tunnelTo = (secure.address() as AddressInfo).port;
  const { answer, seen } = await fetchWith('https://example.org/a?b=1', { tunnelTo });
  const other = await fetchWith('https://other.example/a', { tunnelTo });
  delete process.env['SSL_CERT_FILE'];
  assert.deepEqual(JSON.parse(documentOf(answer).body), { path: '/a?b=1', host: 'example.org' });
  assert.deepEqual(seen, ['CONNECT example.org:443']);
  assert.equal(codeOf(other.answer), 'FETCH_FAILED');
});

test('fetch/certificate that no authority signed: refused', async () => {
  const tunnelTo = (secure.address() as AddressInfo).port;
  const { answer } = await fetchWith('https://example.org/', { tunnelTo });
  assert.equal(codeOf(answer), 'FETCH_FAILED');
});

test('fetch/host that egress does not allow: refused with the code of egress', async () => {
  const { code, message, fix } = REFUSAL;
  for (const url of ['http://example.org/', 'https://example.org/'])
    assert.deepEqual((await fetchWith(url, { plain: (_, response) => refuse(response) })).answer, {
      error: { code, message, fix },
    });
});

test('each redirect is a new request that egress decides anew', async () => {
  const { answer, seen } = await fetchWith('http://a.example/1', {
    plain: (request, response) => {
      if (request.url === 'http://a.example/1') response.writeHead(302, { location: '/2' }).end();
      else if (request.url === 'http://a.example/2')
        response.writeHead(301, { location: 'http://169.254.169.254/x' }).end();
      else refuse(response);
    },
  });
  assert.equal(codeOf(answer), REFUSAL.code);
  assert.deepEqual(seen, [
    'GET http://a.example/1',
    'GET http://a.example/2',
    'GET http://169.254.169.254/x',
  ]);
});

test('as many redirects as allowed are followed, and one more is refused', async () => {
  const chain =
    (length: number): Handler =>
    (request, response) => {
      const step = Number(new URL(request.url ?? '').pathname.slice(1));
      if (step < length) response.writeHead(307, { location: `/${step + 1}` }).end();
      else text('end')(request, response);
    };
  assert.equal(
    documentOf((await fetchWith('http://a.example/0', { plain: chain(MAX_REDIRECTS) })).answer).body,
    'end',
  );
  assert.equal(
    codeOf((await fetchWith('http://a.example/0', { plain: chain(MAX_REDIRECTS + 1) })).answer),
    'FETCH_REDIRECTS',
  );
});

test('a body at the limit is whole, and one past it is cut and says so', async () => {
  const at = documentOf(
    (await fetchWith('http://a.example/', { plain: text('x'.repeat(100)) }, { maxBytes: 100 })).answer,
  );
  assert.deepEqual([at.body.length, at.truncated], [100, false]);
  const past = documentOf(
    (await fetchWith('http://a.example/', { plain: text('x'.repeat(101)) }, { maxBytes: 100 })).answer,
  );
  assert.deepEqual([past.body.length, past.truncated], [100, true]);
});

test('fetch/small compressed body that becomes a huge text: cut at the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const plain = text(bomb, { 'content-encoding': 'gzip' });
  const cut = documentOf((await fetchWith('http://a.example/', { plain }, { maxBytes: 1000 })).answer);
  assert.deepEqual([cut.body.length, cut.truncated], [1000, true]);
  const brotli = text(brotliCompressSync('bonjour'), { 'content-encoding': 'br' });
  assert.equal(documentOf((await fetchWith('http://a.example/', { plain: brotli })).answer).body, 'bonjour');
});

test('fetch/content that is not text: refused', async () => {
  for (const type of ['image/png', 'application/octet-stream', 'application/zip', 'application/jsonx', ''])
    assert.equal(
      codeOf((await fetchWith('http://a.example/', { plain: text('x', { 'content-type': type }) })).answer),
      'FETCH_NOT_TEXT',
      type,
    );
  for (const type of [
    'text/plain',
    'application/json',
    'application/ld+json',
    'application/xhtml+xml; charset=utf-8',
  ])
    assert.equal(
      documentOf(
        (await fetchWith('http://a.example/', { plain: text('x', { 'content-type': type }) })).answer,
      ).body,
      'x',
      type,
    );
});

test('fetch/URL that is not plain http or https: refused without a request', async () => {
  for (const url of [
    '',
    'example.org',
    'file:///etc/passwd',
    'ftp://a.example/',
    'http://user:pw@a.example/',
    'javascript:1',
    `http://a.example/${'x'.repeat(9000)}`,
  ]) {
    const { answer, seen } = await fetchWith(url, { plain: text('x') });
    assert.equal(codeOf(answer), 'FETCH_URL_INVALID', url.slice(0, 50));
    assert.deepEqual(seen, []);
  }
});

test('fetch/server that never answers: ended after the time limit', async () => {
  const { answer } = await fetchWith('http://a.example/', { plain: () => undefined }, { timeoutMs: 50 });
  assert.equal(codeOf(answer), 'FETCH_TIMEOUT');
});

test('fetch/server that stops in the middle of the body: ended after the time limit', async () => {
  const plain: Handler = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('begin');
  };
  assert.equal(
    codeOf((await fetchWith('http://a.example/', { plain }, { timeoutMs: 100 })).answer),
    'FETCH_TIMEOUT',
  );
});

test('text in another charset is decoded', async () => {
  const plain = text(Buffer.from([0xe9]), { 'content-type': 'text/plain; charset=iso-8859-1' });
  assert.equal(documentOf((await fetchWith('http://a.example/', { plain })).answer).body, 'é');
});
