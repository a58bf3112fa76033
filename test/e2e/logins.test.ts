import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { CHROMIUM, chromiumPath } from '../fixtures/chromium.ts';
import { ledgerOf, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import {
  type IdentityProvider,
  identityProvider,
  type SigningKey,
  signedBy,
  signingKey,
} from '../fixtures/identity-provider.ts';
import { operate } from '../fixtures/operator.ts';
import { connectParams, openSocket, refusedUpgrade } from '../fixtures/raw-websocket.ts';

/** Milliseconds in which a connection ends once its session has. */
const REVOKED_WITHIN_MS = 1_000;

describe('logins at a real gateway', () => {
  let gateway: TestGateway;
  let provider: IdentityProvider;
  let key: SigningKey;

  before(async () => {
    key = signingKey('k1', 'RS256');
    provider = await identityProvider([key]);
    const { issuer } = provider;
    const oidc = [{ issuer, audience: 'gatehouse', networks: ['127.0.0.1/32'] }];
    gateway = await startGateway({ config: { gateway: { auth: { oidc } } } });
  });

  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });

  const jwt = (sub: string, header: object = {}) => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: provider.issuer, aud: 'gatehouse', sub, iat: now, exp: now + 300 };
    return signedBy(key, { alg: 'RS256', kid: 'k1', ...header }, claims);
  };

  async function link(): Promise<string> {
    const { result } = await operate(gateway.home, 'login.link');
    return String(result['url']);
  }

  async function cookieOf(url: string): Promise<string> {
    const code = new URL(url).hash.slice(1);
    const answer = await fetch(`${gateway.url}/login/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: gateway.url },
      body: JSON.stringify({ code }),
    });
    assert.equal(answer.status, 200);
    return (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  }

  test('auth/JWT of somebody whom no principal is: refused once egress has fetched the keys', async () => {
    const call = (token: string) =>
      fetch(`${gateway.url}/api/v1/health.get`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
    const unknown = await call(jwt('mallory'));
    assert.equal(unknown.status, 403, await unknown.text());
    assert.equal((await call(jwt('mallory', { kid: 'made-up' }))).status, 401);
    assert.deepEqual(provider.asked, ['/.well-known/openid-configuration', '/jwks']);
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    const answer = await socket.connect(connectParams(jwt('mallory')));
    assert.equal(answer.ok, false);
    const records = await ledgerOf(gateway);
    for (const code of ['AUTH_IDENTITY_UNKNOWN', 'AUTH_OIDC_TOKEN_INVALID']) {
      assert.ok(
        records.some((record) => record['code'] === code),
        code,
      );
    }
    const fetched = records.filter((record) => String(record['rule']).includes('oidc:0'));
    assert.ok(fetched.length > 0, 'egress decided by the rule of the identity provider');
  });

  test('a JWT of a known principal connects; disabling the principal ends its connection and its requests', async () => {
    const identity = `${provider.issuer}|alice-1`;
    const added = await operate(gateway.home, 'principal.add', {
      name: 'alice',
      owner: 'alice',
      scopes: ['operator.read'],
      oidc: identity,
    });
    assert.equal(added.status, 200, JSON.stringify(added));
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    const hello = await socket.connect(connectParams(jwt('alice-1')));
    assert.equal(hello.ok, true, JSON.stringify(hello));
    const call = () =>
      fetch(`${gateway.url}/api/v1/health.get`, {
        method: 'POST',
        headers: { authorization: `Bearer ${jwt('alice-1')}` },
      });
    assert.equal((await call()).status, 200);
    const started = performance.now();
    await operate(gateway.home, 'principal.disable', { principal: 'alice' });
    assert.equal((await socket.closed()).code, 4001);
    assert.ok(performance.now() - started < REVOKED_WITHIN_MS);
    const refused = await call();
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /AUTH_PRINCIPAL_DISABLED/);
  });

  test('a browser session connects without a token, and its connection ends within a second of it', async () => {
    const cookie = await cookieOf(await link());
    await using socket = await openSocket(gateway.url, { cookie, origin: gateway.url });
    await socket.nonce();
    const { auth: _none, ...params } = connectParams('');
    const hello = await socket.connect(params);
    assert.equal(hello.ok, true, JSON.stringify(hello));
    const listed = await operate(gateway.home, 'login.list');
    const sessions = listed.result['sessions'] as readonly { readonly id: string }[];
    const started = performance.now();
    for (const { id } of sessions) await operate(gateway.home, 'login.end', { session: id });
    const { code } = await socket.closed();
    assert.equal(code, 4001);
    assert.ok(performance.now() - started < REVOKED_WITHIN_MS);
    await using again = await openSocket(gateway.url, { cookie, origin: gateway.url });
    await again.nonce();
    assert.equal((await again.connect(params)).ok, false);
  });

  test('auth/WebSocket with the cookie from a page of another port, or from none: refused', async () => {
    const cookie = await cookieOf(await link());
    const pages: Record<string, string>[] = [{}, { origin: 'http://127.0.0.1:1' }];
    for (const more of pages) {
      const answer = await refusedUpgrade(gateway.url, { cookie, ...more });
      assert.equal(answer.status, 403);
    }
    const records = await ledgerOf(gateway);
    assert.ok(records.some((record) => record['code'] === 'AUTH_SESSION_ORIGIN'));
  });

  test('a person logs in with Chromium; a page of another port of this machine gets nothing with it', async () => {
    const url = await link();
    const code = new URL(url).hash.slice(1);
    const evil = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>evil</title>');
    });
    evil.listen(0, '127.0.0.1');
    await once(evil, 'listening');
    const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM] });
    try {
      const context = await browser.newContext();
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      const sent: string[] = [];
      page.on('request', (request) => sent.push(`${request.url()} ${JSON.stringify(request.headers())}`));
      await page.goto(url);
      assert.equal(new URL(page.url()).hash, '', 'the code has left the address bar');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.waitForURL('**/session');
      await page.getByText('local operator').waitFor();
      assert.deepEqual(problems, []);
      assert.ok(!sent.join('\n').includes(code), 'the code is in no URL and no header');
      assert.deepEqual(await page.evaluate('[document.cookie, localStorage.length]'), ['', 0]);

      const other = await context.newPage();
      await other.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
      const got = await other.evaluate(async (target) => {
        const request = fetch(`${target}/api/v1/sessions.list`, { method: 'POST', credentials: 'include' });
        const called = await request.then(
          (answer) => String(answer.status),
          () => 'blocked',
        );
        const socket = new WebSocket(target.replace('http', 'ws'));
        const opened = await new Promise((resolve) => {
          socket.addEventListener('open', () => resolve('open'));
          socket.addEventListener('error', () => resolve('refused'));
        });
        return [called, opened];
      }, gateway.url);
      assert.deepEqual(got, ['blocked', 'refused']);

      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByText('You are logged out.').waitFor();
      await page.reload();
      await page.getByText('You are not logged in').waitFor();
    } finally {
      await browser.close();
      evil.close();
    }
  });

  test('gatehouse login prints a link with the code behind the #, and lists the session', async () => {
    const printed = await gateway.cli(['login']);
    assert.match(printed.stdout, /^http:\/\/127\.0\.0\.1:\d+\/login#[A-Za-z0-9_-]{32}$/m, printed.stderr);
    await cookieOf(/http\S+/.exec(printed.stdout)?.[0] ?? '');
    const listed = await gateway.cli(['login', 'list']);
    assert.match(listed.stdout, /local operator/);
    const id = /^(\S+)\s+local operator/m.exec(listed.stdout)?.[1] ?? '';
    const ended = await gateway.cli(['login', 'end', id]);
    assert.equal(ended.code, 0, ended.stderr);
    const again = await gateway.cli(['login', 'end', id]);
    assert.match(again.stderr, /AUTH_SESSION_UNKNOWN/);
  });
});
