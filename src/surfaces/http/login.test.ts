import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../controls/auth/index.ts';
import { jsonOf, type TestGateway, testGateway } from './testing/gateway.ts';
import { directory } from './testing/principals.ts';

const OPERATION = { id: 'health.get', scope: 'operator.read', run: () => ({ fine: true }) } as const;
const MINUTE = 60_000;

interface Browser {
  readonly cookie: string;
  readonly id: string;
}

function post(
  where: TestGateway,
  path: string,
  headers: Record<string, string>,
  body?: object,
  method = 'POST',
) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  return fetch(`${where.url}${path}`, {
    method,
    headers: { origin: where.url, ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function codeOf(answer: Response): Promise<string | undefined> {
  return (await jsonOf(answer)).error?.code;
}

const ask = (where: TestGateway, headers: Record<string, string>) =>
  post(where, '/api/v1/health.get', headers);

async function linkCode(where: TestGateway, by: Principal = where.auth.localOperator()): Promise<string> {
  return (await where.auth.browser.link({ by })).code;
}

async function logIn(where: TestGateway, by?: Principal): Promise<Browser> {
  const answer = await post(where, '/login/session', {}, { code: await linkCode(where, by) });
  assert.equal(answer.status, 200);
  const cookie = answer.headers.get('set-cookie') ?? '';
  const [session] = await where.auth.browser.list();
  return { cookie: cookie.split(';', 1)[0] ?? '', id: session?.id ?? '' };
}

test('a login link opens one session, in a cookie that no script and no other site gets', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const code = await linkCode(where);
  const answer = await post(where, '/login/session', {}, { code });
  const cookie = answer.headers.get('set-cookie') ?? '';
  assert.match(cookie, /^gatehouse_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  const header = cookie.split(';', 1)[0] ?? '';
  assert.equal((await ask(where, { cookie: header })).status, 200);
  assert.equal(where.calls[0]?.caller.principal.kind, 'browser');
  const secret = header.split('=')[1] ?? '';
  const recorded = JSON.stringify(where.events);
  assert.ok(!recorded.includes(code) && !recorded.includes(secret), 'neither is in the ledger');
});

test('the pages run their own script and nothing else, hold no secret and cannot be framed', async () => {
  await using where = await testGateway();
  for (const path of ['/login', '/session']) {
    const answer = await fetch(`${where.url}${path}`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(
      policy,
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/,
    );
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes('unsafe'));
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
    const html = await answer.text();
    assert.ok(!/\son\w+=|localStorage|sessionStorage|innerHTML|https?:\/\//.test(html));
  }
});

test('auth/login link that is used a second time, by two at once, too late or made up: refused', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const code = await linkCode(where);
  const both = await Promise.all([1, 2].map(() => post(where, '/login/session', {}, { code })));
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401]);
  assert.equal(await codeOf(await post(where, '/login/session', {}, { code })), 'AUTH_LOGIN_CODE_INVALID');
  const late = await linkCode(where);
  where.advance(5 * MINUTE);
  assert.equal(
    await codeOf(await post(where, '/login/session', {}, { code: late })),
    'AUTH_LOGIN_CODE_INVALID',
  );
  assert.equal((await where.auth.browser.list()).length, 1);
  assert.ok(where.codes().includes('AUTH_LOGIN_CODE_INVALID'));
});

test('auth/guessing login links: locked out after ten, while a real link still works', async () => {
  await using where = await testGateway();
  const code = await linkCode(where);
  const guess = () => post(where, '/login/session', {}, { code: 'A'.repeat(32) });
  for (let n = 0; n < 10; n++) assert.equal((await guess()).status, 401);
  assert.equal(await codeOf(await guess()), 'AUTH_RATE_LIMITED');
  assert.equal((await post(where, '/login/session', {}, { code })).status, 200);
});

test('auth/login from a page of another site, another port, or none: refused, and the link is not used up', async () => {
  await using where = await testGateway({ rules: { allowedOrigins: ['http://127.0.0.1:3000'] } });
  const code = await linkCode(where);
  for (const origin of ['http://127.0.0.1:3000', `https://127.0.0.1:${where.port}`]) {
    const answer = await post(where, '/login/session', { origin }, { code });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('set-cookie'), null);
  }
  const none = await fetch(`${where.url}/login/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  assert.equal(await codeOf(none), 'AUTH_SESSION_ORIGIN');
  assert.ok(where.codes().includes('AUTH_SESSION_ORIGIN'));
  assert.equal((await post(where, '/login/session', {}, { code })).status, 200);
});

test('auth/cookie used by a page of another port or without an Origin: refused', async () => {
  await using where = await testGateway({
    operations: [OPERATION],
    rules: { allowedOrigins: ['http://127.0.0.1:3000'] },
  });
  const { cookie } = await logIn(where);
  assert.equal(
    await codeOf(await ask(where, { cookie, origin: 'http://127.0.0.1:3000' })),
    'AUTH_SESSION_ORIGIN',
  );
  const bare = await fetch(`${where.url}/api/v1/health.get`, { method: 'POST', headers: { cookie } });
  assert.equal(await codeOf(bare), 'AUTH_SESSION_ORIGIN');
  const reading = await fetch(`${where.url}/openapi.json`, {
    headers: { cookie, origin: 'http://127.0.0.1:3000' },
  });
  assert.equal(reading.status, 403);
  assert.deepEqual(where.calls, []);
  assert.ok(where.codes().includes('AUTH_SESSION_ORIGIN'));
});

test('auth/cookie that is made up, sent twice or sent with a bearer token: refused', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const { cookie } = await logIn(where);
  const token = await where.issue('laptop', ['operator.read']);
  const made = `gatehouse_session=${'A'.repeat(43)}`;
  assert.equal(await codeOf(await ask(where, { cookie: made })), 'AUTH_SESSION_INVALID');
  assert.equal(await codeOf(await ask(where, { cookie: `${made}; ${cookie}` })), 'AUTH_SESSION_INVALID');
  assert.equal(
    await codeOf(await ask(where, { cookie, authorization: `Bearer ${token}` })),
    'AUTH_CREDENTIALS_AMBIGUOUS',
  );
  assert.equal(
    await codeOf(await ask(where, { cookie, authorization: 'Basic eDp5' })),
    'AUTH_CREDENTIALS_AMBIGUOUS',
  );
  assert.deepEqual(where.calls, []);
  for (const code of ['AUTH_SESSION_INVALID', 'AUTH_CREDENTIALS_AMBIGUOUS'])
    assert.ok(where.codes().includes(code));
});

test('auth/session that was idle for 30 minutes: refused; one that is used lives for 12 hours and no longer', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const idle = await logIn(where);
  where.advance(30 * MINUTE);
  assert.equal(await codeOf(await ask(where, { cookie: idle.cookie })), 'AUTH_SESSION_INVALID');
  const used = await logIn(where);
  for (let minutes = 0; minutes < 700; minutes += 28) {
    assert.equal((await ask(where, { cookie: used.cookie })).status, 200, `after ${minutes} minutes`);
    where.advance(28 * MINUTE);
  }
  where.advance(20 * MINUTE);
  assert.equal(await codeOf(await ask(where, { cookie: used.cookie })), 'AUTH_SESSION_INVALID');
});

test('logging out ends the session and takes the cookie back; ending it from elsewhere ends it too', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const first = await logIn(where);
  const who = (await (
    await fetch(`${where.url}/login/session`, { headers: { cookie: first.cookie } })
  ).json()) as { session: { name: string; scopes: string[] } };
  assert.equal(who.session.name, 'local operator');
  assert.ok(who.session.scopes.includes('operator.admin'));
  const out = await post(where, '/login/session', { cookie: first.cookie }, undefined, 'DELETE');
  assert.match(out.headers.get('set-cookie') ?? '', /^gatehouse_session=; .*Max-Age=0$/);
  assert.equal(await codeOf(await ask(where, { cookie: first.cookie })), 'AUTH_SESSION_INVALID');
  const second = await logIn(where);
  const ended: string[] = [];
  where.auth.onRevoked((credential) => ended.push(credential));
  await where.auth.browser.end(second.id, 'ended by an administrator');
  assert.deepEqual(ended, [`browser:${second.id}`]);
  assert.equal(await codeOf(await ask(where, { cookie: second.cookie })), 'AUTH_SESSION_INVALID');
});

test('auth/session of a token that was revoked: refused, and its connections are told', async () => {
  await using where = await testGateway({ operations: [OPERATION] });
  const token = await where.issue('laptop', ['operator.read', 'operator.pairing']);
  const by = await where.auth.authenticateToken(token, {
    address: '127.0.0.1',
    userAgent: '',
    surface: 'http',
  });
  const { cookie, id } = await logIn(where, by);
  assert.equal((await ask(where, { cookie })).status, 200);
  const told = new Promise<string>((resolve) => {
    where.auth.onRevoked((credential) => credential === `browser:${id}` && resolve(credential));
  });
  await where.auth.revokeToken('laptop');
  await told;
  assert.equal(await codeOf(await ask(where, { cookie })), 'AUTH_SESSION_INVALID');
});

test('a session is bounded at every request by what its principal may do by then', async () => {
  const { principals, change } = directory({ proxy: { alice: { scopes: ['operator.admin'] } } });
  await using where = await testGateway({ operations: [OPERATION], auth: { principals } });
  const { code } = await where.auth.browser.link({ by: where.auth.localOperator(), principal: 'alice' });
  const answer = await post(where, '/login/session', {}, { code });
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  assert.equal((await ask(where, { cookie })).status, 200);
  change('alice', { scopes: ['operator.pairing'] });
  assert.equal(await codeOf(await ask(where, { cookie })), 'AUTH_SCOPE_MISSING');
  change('alice', { scopes: ['operator.admin'], disabledAt: 1 });
  assert.equal(await codeOf(await ask(where, { cookie })), 'AUTH_SESSION_INVALID');
});

test('auth/link for somebody who may do more, or from a session or another passing credential: refused', async () => {
  const { principals } = directory({ proxy: { alice: { scopes: ['operator.admin'] } } });
  await using where = await testGateway({ auth: { principals } });
  const local = where.auth.localOperator();
  const weak: Principal = { ...local, id: 'token:x', name: 'x', kind: 'token', scopes: ['operator.pairing'] };
  const narrow: Principal = { ...local, id: 'token:y', name: 'y', kind: 'token', agents: ['main'] };
  const passing: Principal = { ...local, kind: 'oidc' };
  const attempts = [
    { by: weak, principal: 'alice' },
    { by: narrow, principal: 'alice' },
    { by: passing },
    { by: { ...local, kind: 'browser' } as const },
  ];
  for (const attempt of attempts) {
    await assert.rejects(where.auth.browser.link(attempt), { code: 'AUTH_LOGIN_NOT_YOURS' });
  }
  await assert.rejects(where.auth.browser.link({ by: local, principal: 'nobody' }), {
    code: 'AUTH_PRINCIPAL_UNKNOWN',
  });
});

test('unused login links are bounded', async () => {
  await using where = await testGateway();
  for (let n = 0; n < 32; n++) await linkCode(where);
  await assert.rejects(linkCode(where), { code: 'AUTH_LOGIN_FULL' });
  where.advance(5 * MINUTE);
  await linkCode(where);
});

test('auth/login code in a URL that is sent: it is no part of any target that the gateway takes', async () => {
  await using where = await testGateway();
  const code = await linkCode(where);
  const answer = await fetch(`${where.url}/login?token=${code}`);
  assert.equal(answer.status, 400);
  assert.ok(!JSON.stringify(where.events).includes(code));
});

test('behind a proxy that ends TLS the cookie is Secure and bound to the host; without TLS there is no login', async () => {
  await using where = await testGateway({
    operations: [OPERATION],
    rules: { trustedProxies: ['127.0.0.1'] },
  });
  const code = await linkCode(where);
  const plain = await post(where, '/login/session', { 'x-forwarded-for': '203.0.113.7' }, { code });
  assert.equal(await codeOf(plain), 'AUTH_LOGIN_INSECURE');
  const forwarded = {
    origin: where.url.replace('http:', 'https:'),
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-proto': 'https',
  };
  const answer = await post(where, '/login/session', forwarded, { code });
  const cookie = answer.headers.get('set-cookie') ?? '';
  assert.match(cookie, /^__Host-gatehouse=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  const header = cookie.split(';', 1)[0] ?? '';
  assert.equal((await ask(where, { ...forwarded, cookie: header })).status, 200);
  const value = header.split('=')[1] ?? '';
  const downgraded = await ask(where, { ...forwarded, cookie: `gatehouse_session=${value}` });
  assert.equal(await codeOf(downgraded), 'AUTH_TOKEN_MISSING', 'the plain name counts for nothing over TLS');
});
