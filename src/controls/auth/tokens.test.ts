import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { authorityOf, decide } from '../../kernel/index.ts';
import { principalLayer } from './index.ts';
import { USE_FLUSH_MS } from './last-use.ts';
import { FREE_FAILURES, LIMITER_DEFAULTS, LoginLimiter, MAX_TRACKED_ADDRESSES } from './limiter.ts';
import {
  MAX_BEYOND,
  MAX_FAILURE_EVENTS,
  REPEAT_WINDOW_MS,
  SUCCESS_WINDOW_MS,
  safeUserAgent,
} from './login-journal.ts';
import { Revocations } from './revocations.ts';
import { commonScopes, coversScopes, expandScopes } from './scopes.ts';
import { ManualTime, peer, testAuth } from './testing/home.ts';
import { MAX_TOKEN_LENGTH, mintToken, tokenIdOf } from './token-format.ts';
import { MAX_TOKEN_LIST } from './token-issue.ts';
import { SCOPES } from './types.ts';

const random = { bytes: (size: number) => randomBytes(size), uuid: () => randomUUID() };
const failed = (code: string) => ({ code });

test('a token has a recognisable prefix, an id, 256 bits and a checksum, and reads back as its id', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const { id, text } = mintToken({ ...random, bytes: (size) => seed.subarray(0, size) });
      assert.match(text, /^gth_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
      assert.equal(tokenIdOf(text), id);
    }),
  );
});

test('no text with one character changed, added or dropped is a token', () => {
  const { text } = mintToken(random);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...'aZ0_-g \0'), (at, char) => {
      const changed = text.slice(0, at) + char + text.slice(at + 1);
      if (changed !== text) assert.equal(tokenIdOf(changed), undefined);
      assert.equal(tokenIdOf(text.slice(0, at) + char + text.slice(at)), undefined);
      assert.equal(tokenIdOf(text.slice(0, at) + text.slice(at + 1)), undefined);
    }),
  );
});

test('a valid token proves its principal, and neither store nor ledger ever holds it', async () => {
  await using home = await testAuth();
  const { token, summary } = await home.auth.issueToken({
    name: 'ci',
    scopes: ['operator.write'],
    owner: 'kim',
  });
  const principal = await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  assert.deepEqual(principal.scopes, ['operator.read', 'operator.write', 'operator.talk']);
  assert.equal(principal.credentialId, summary.id);
  assert.deepEqual(home.ledger.codes(), ['login.accepted']);
  assert.ok(!home.dump().includes(token));
  assert.ok(!home.dump().includes(token.split('_')[2] ?? token));
});

test('the first use of an HTTP token is recorded and its repeats are not, while its last use is known at once', async () => {
  await using home = await testAuth();
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  for (let i = 0; i < 5; i++) await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  assert.equal(home.ledger.events.length, 1);
  const [listed] = await home.auth.listTokens();
  assert.equal(listed?.lastUsedAt, home.time.now());
  assert.equal(listed?.lastUsedFrom, '127.0.0.1');
});

test('auth/no token: refused', async () => {
  await using home = await testAuth();
  await assert.rejects(home.auth.authenticateToken(undefined, peer()), failed('AUTH_TOKEN_MISSING'));
  await assert.rejects(home.auth.authenticateToken('', peer()), failed('AUTH_TOKEN_MISSING'));
  assert.deepEqual(home.ledger.codes(), ['AUTH_TOKEN_MISSING']);
});

test('auth/a malformed, an unknown and a guessed secret: refused alike', async () => {
  await using home = await testAuth();
  const { token, summary } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.admin'] });
  const forged = forgeryOf(summary.id);
  assert.notEqual(forged, token);
  for (const text of ['changeme', mintToken(random).text, forged]) {
    await assert.rejects(home.auth.authenticateToken(text, peer()), {
      code: 'AUTH_TOKEN_INVALID',
      message: 'unauthorized: gateway token mismatch',
    });
  }
  assert.ok(!JSON.stringify(home.ledger.events).includes(forged));
});

/** A well-formed token with a known id and another secret. */
function forgeryOf(id: string): string {
  let call = 0;
  const bits = Buffer.alloc(10);
  let value = 0n;
  for (const char of id) value = value * 32n + BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(char));
  bits.writeBigUInt64BE(value & 0xffffffffffffffffn, 2);
  bits.writeUInt16BE(Number(value >> 64n), 0);
  return mintToken({ ...random, bytes: (size) => (call++ === 0 ? bits : randomBytes(size)) }).text;
}

test('auth/an expired token: refused from the millisecond of its expiry on', async () => {
  await using home = await testAuth();
  const expiresAt = home.time.now() + 1_000;
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'], expiresAt });
  home.time.advance(999);
  await home.auth.authenticateToken(token, peer());
  home.time.advance(1);
  await assert.rejects(home.auth.authenticateToken(token, peer()), failed('AUTH_TOKEN_EXPIRED'));
  assert.equal(home.ledger.codes().at(-1), 'AUTH_TOKEN_EXPIRED');
});

test('auth/a revoked token: refused at once, announced, and its name is free again', async () => {
  await using home = await testAuth();
  const { token, summary } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  const ended: string[] = [];
  home.auth.onRevoked((id, reason) => ended.push(`${id} ${reason}`));
  await home.auth.revokeToken('ci');
  assert.deepEqual(ended, [`${summary.id} revoked`]);
  await assert.rejects(home.auth.authenticateToken(token, peer()), failed('AUTH_TOKEN_REVOKED'));
  await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  await assert.rejects(home.auth.authenticateToken(token, peer()), failed('AUTH_TOKEN_REVOKED'));
  await assert.rejects(home.auth.revokeToken('nobody'), failed('AUTH_TOKEN_UNKNOWN'));
});

test('a token that expires while it is connected is announced as well', async () => {
  await using home = await testAuth();
  const expiresAt = home.time.now() + 1_000;
  const { token, summary } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'], expiresAt });
  const ended: string[] = [];
  home.auth.onRevoked((id, reason) => ended.push(`${id} ${reason}`));
  await home.auth.authenticateConnect({ token }, ['operator.read'], peer());
  home.time.advance(1_000);
  assert.deepEqual(ended, [`${summary.id} expired`]);
});

test('a token that expires while a request over HTTP is open is announced as well', async () => {
  await using home = await testAuth();
  const expiresAt = home.time.now() + 1_000;
  const { token, summary } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'], expiresAt });
  const ended: string[] = [];
  home.auth.onRevoked((id, reason) => ended.push(`${id} ${reason}`));
  await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  home.time.advance(1_000);
  assert.deepEqual(ended, [`${summary.id} expired`]);
});

test('auth/a token outside the addresses it is bound to: refused', async () => {
  await using home = await testAuth();
  const addresses = ['10.0.0.0/8', '2001:db8::/32'];
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'], addresses });
  await home.auth.authenticateToken(token, peer('10.1.2.3'));
  await home.auth.authenticateToken(token, peer('2001:db8::1'));
  for (const address of ['11.0.0.1', '127.0.0.1', '2001:db9::1', 'unknown']) {
    await assert.rejects(
      home.auth.authenticateToken(token, peer(address)),
      failed('AUTH_ADDRESS_NOT_ALLOWED'),
    );
  }
});

test('a login that the ledger does not take is no login', async () => {
  await using home = await testAuth();
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  home.ledger.isBroken = true;
  await assert.rejects(home.auth.authenticateToken(token, peer()), failed('AUTH_NOT_RECORDED'));
  await assert.rejects(home.auth.authenticateToken('bad', peer()), failed('AUTH_TOKEN_INVALID'));
});

test('auth/issuing a token that is not exactly right: refused', async () => {
  await using home = await testAuth();
  const good = { name: 'ok', scopes: ['operator.read'] as const };
  await home.auth.issueToken(good);
  await assert.rejects(home.auth.issueToken(good), failed('AUTH_TOKEN_NAME_TAKEN'));
  const wrong = [
    { name: '' },
    { name: '../x' },
    { name: 'a'.repeat(65) },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['operator.root' as 'operator.read'] },
    { name: 'x', addresses: ['10.0.0.0/33'] },
    { name: 'x', addresses: ['localhost'] },
    { name: 'x', agents: ['a b'] },
    { name: 'x', expiresAt: 1 },
  ];
  for (const request of wrong) {
    await assert.rejects(home.auth.issueToken({ ...good, ...request }), failed('AUTH_TOKEN_REQUEST_INVALID'));
  }
  assert.equal((await home.auth.listTokens()).length, 1);
  await home.auth.issueToken({ ...good, name: 'a'.repeat(64) });
});

test('auth/ten wrong tokens in a minute lock out, loopback included, and slow down before that', async () => {
  await using home = await testAuth();
  for (let i = 0; i < LIMITER_DEFAULTS.failures; i++) {
    await assert.rejects(home.auth.authenticateToken('wrong', peer()), failed('AUTH_TOKEN_INVALID'));
  }
  assert.deepEqual(home.time.delays, [25, 50, 100, 200, 400, 800]);
  await assert.rejects(home.auth.authenticateToken('wrong', peer('127.9.9.9')), (error: object) => {
    assert.deepEqual(Object(error).details, { retryAfterMs: LIMITER_DEFAULTS.lockoutMs });
    return Object(error).code === 'AUTH_RATE_LIMITED';
  });
  assert.ok(home.ledger.codes().includes('AUTH_RATE_LIMITED'));
  home.time.advance(LIMITER_DEFAULTS.lockoutMs);
  await assert.rejects(home.auth.authenticateToken('wrong', peer()), failed('AUTH_TOKEN_INVALID'));
});

test('whoever sprays unknown tokens through a shared address locks no real token out', async () => {
  await using home = await testAuth();
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  for (let i = 0; i < 30; i++) await home.auth.authenticateToken('wrong', peer()).catch(() => {});
  assert.equal((await home.auth.authenticateToken(token, peer())).name, 'ci');
});

test('auth/guessing the secret of a known token: its own lockout, which its true secret does not open either', async () => {
  await using home = await testAuth();
  const { token, summary } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  for (let i = 0; i < 10; i++) {
    await assert.rejects(
      home.auth.authenticateToken(forgeryOf(summary.id), peer()),
      failed('AUTH_TOKEN_INVALID'),
    );
  }
  await assert.rejects(home.auth.authenticateToken(token, peer()), failed('AUTH_RATE_LIMITED'));
  await home.auth.authenticateToken(token, peer('192.0.2.7'));
});

test('auth/a wrong credential of one kind neither resets nor locks another kind', async () => {
  await using home = await testAuth();
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  for (let i = 0; i < 9; i++) await home.auth.authenticateToken('wrong', peer()).catch(() => {});
  for (let i = 0; i < 20; i++) {
    await home.auth.authenticateConnect({ password: 'guess' }, [], peer()).catch(() => {});
    await home.auth.authenticateConnect({ deviceToken: 'guess' }, [], peer()).catch(() => {});
  }
  await home.auth.authenticateToken(token, peer());
  await assert.rejects(home.auth.authenticateToken('wrong', peer()), failed('AUTH_TOKEN_INVALID'));
  await assert.rejects(home.auth.authenticateToken('wrong', peer()), failed('AUTH_RATE_LIMITED'));
});

test('parallel guesses do not outrun the lockout', async () => {
  await using home = await testAuth();
  const guesses = Array.from({ length: 40 }, () =>
    home.auth.authenticateToken(mintToken(random).text, peer()),
  );
  const codes = (await Promise.allSettled(guesses)).map((r) => r.status === 'rejected' && r.reason.code);
  assert.equal(codes.filter((code) => code === 'AUTH_TOKEN_INVALID').length, 10);
  assert.equal(codes.filter((code) => code === 'AUTH_RATE_LIMITED').length, 30);
});

test('the limiter remembers a bounded number of addresses, an IPv6 network as one, and never locks the socket', () => {
  const limiter = new LoginLimiter(new ManualTime());
  for (let i = 0; i <= MAX_TRACKED_ADDRESSES; i++) {
    limiter.fail({ kind: 'token', address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` });
  }
  assert.equal(limiter.tracked('token'), MAX_TRACKED_ADDRESSES);
  for (let i = 0; i < 10; i++) limiter.fail({ kind: 'password', address: `2001:db8::${i}` });
  assert.throws(
    () => limiter.check({ kind: 'password', address: '2001:db8::ffff' }),
    failed('AUTH_RATE_LIMITED'),
  );
  limiter.check({ kind: 'password', address: '2001:db8:0:1::1' });
  for (let i = 0; i < 50; i++) limiter.fail({ kind: 'token', address: 'unix' });
  limiter.check({ kind: 'token', address: 'unix' });
  assert.ok(FREE_FAILURES < LIMITER_DEFAULTS.failures);
});

test('a flood of bad logins becomes one record per address, then a count', async () => {
  await using home = await testAuth({ failures: 1_000_000, windowMs: 60_000, lockoutMs: 1 });
  for (let i = 0; i < 500; i++) await home.auth.authenticateToken('wrong', peer('192.0.2.1')).catch(() => {});
  assert.equal(home.ledger.events.length, 1);
  for (let i = 0; i < 300; i++) {
    await home.auth.authenticateToken('wrong', peer(`198.51.${i >> 8}.${i & 255}`)).catch(() => {});
  }
  assert.equal(home.ledger.events.length, MAX_FAILURE_EVENTS);
  home.time.advance(REPEAT_WINDOW_MS);
  const [repeated, beyond] = home.ledger.events.slice(MAX_FAILURE_EVENTS).map(({ data }) => data);
  const [at, until] = [1_800_000_000_000, 1_800_000_000_000];
  assert.deepEqual(
    [repeated?.['repeats'], repeated?.['firstAt'], repeated?.['lastAt'], repeated?.['address']],
    [499, at, until, '192.0.2.1'],
  );
  assert.deepEqual(beyond, {
    repeats: 201,
    firstAt: at,
    lastAt: until,
    addresses: 'various',
    codes: { AUTH_TOKEN_INVALID: 201 },
    clients: 201,
    busiest: beyond?.['busiest'],
  });
  assert.equal(Object.keys(beyond?.['busiest'] ?? {}).length, 20);
});

test('the count of what goes beyond names the busiest client, and its memory is bounded', async () => {
  await using home = await testAuth({ failures: 1_000_000, windowMs: 60_000, lockoutMs: 1 });
  const clients = MAX_FAILURE_EVENTS + MAX_BEYOND + 10;
  for (let i = 0; i < clients; i++) home.auth.recordRefusal('X_Y', peer(`10.0.${i >> 8}.${i & 255}`));
  const busy = `10.0.${(clients - 20) >> 8}.${(clients - 20) & 255}`;
  for (let i = 0; i < 7; i++) home.auth.recordRefusal('X_Y', peer(busy));
  home.time.advance(REPEAT_WINDOW_MS);
  const { repeats, clients: told, busiest } = home.ledger.events.at(-1)?.data ?? {};
  assert.deepEqual([repeats, told], [MAX_BEYOND + 17, MAX_BEYOND]);
  assert.deepEqual(Object.entries(busiest ?? {})[0], [busy, 8]);
});

test('a user agent cannot carry a line, a control character or a secret into the ledger', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5_000 }), (text) => {
      const shown = safeUserAgent(text);
      assert.ok(shown.length <= 120);
      assert.match(shown, /^[\x20-\x7e]*$/);
    }),
  );
  assert.ok(!safeUserAgent(`curl ${mintToken(random).text}`).includes('gth_'));
});

test('scopes: admin implies all, write implies read and talk, and what both hold is never more than either', () => {
  assert.deepEqual(expandScopes(['operator.admin']), SCOPES);
  assert.ok(coversScopes(['operator.write'], ['operator.read', 'operator.talk']));
  assert.ok(!coversScopes(['operator.admin'], ['operator.everything']));
  const scopes = fc.array(fc.constantFrom<string>(...SCOPES, 'operator.bogus'));
  fc.assert(
    fc.property(scopes, scopes, (a, b) => {
      const common = commonScopes(a, b);
      assert.ok(common.every((scope) => coversScopes(a, [scope]) && coversScopes(b, [scope])));
    }),
  );
});

test('auth/running an agent without operator.write, or another agent than listed: denied by the layer', () => {
  const base = { id: 'p', name: 'p', kind: 'token', credentialId: 'c' } as const;
  const decideFor = (scopes: readonly string[], agents: readonly string[], agent: string) =>
    decide(
      authorityOf(principalLayer({ ...base, scopes: expandScopes(scopes), agents })),
      { principal: 'p' },
      { kind: 'agent.run', agent },
      0,
    );
  assert.equal(decideFor(['operator.write'], ['main'], 'main').effect, 'allow');
  assert.equal(decideFor(['operator.write'], ['*'], 'other').effect, 'allow');
  assert.equal(decideFor(['operator.write'], ['main'], 'other').code, 'AUTH_AGENT_NOT_ALLOWED');
  assert.equal(decideFor(['operator.write'], [], 'main').code, 'AUTH_AGENT_NOT_ALLOWED');
  assert.equal(
    decideFor(['operator.read', 'operator.approvals'], ['*'], 'main').code,
    'AUTH_AGENT_NOT_ALLOWED',
  );
});

test('auth/an operation whose scope the principal lacks, and a configuration change without admin: denied', () => {
  const scopes = expandScopes(['operator.write']);
  const layer = principalLayer({
    id: 'p',
    name: 'p',
    kind: 'token',
    credentialId: 'c',
    scopes,
    agents: ['*'],
  });
  const verdict = (action: Parameters<typeof decide>[2]) =>
    decide(authorityOf(layer), { principal: 'p' }, action, 0);
  const call = (scope: string) => verdict({ kind: 'operation.call', operation: 'x', scope });
  assert.equal(call('operator.read').effect, 'allow');
  assert.equal(call('operator.admin').code, 'AUTH_SCOPE_MISSING');
  assert.equal(verdict({ kind: 'config.change', path: '/x' }).effect, 'deny');
  assert.equal(verdict({ kind: 'net.connect', host: 'h', port: '1' }).effect, 'allow');
});

test('the last use is written once per interval, and a success is recorded again after an hour', async () => {
  await using home = await testAuth();
  const { token } = await home.auth.issueToken({ name: 'ci', scopes: ['operator.read'] });
  await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  assert.ok(home.dump().includes('"last_used_at":null'));
  home.time.advance(USE_FLUSH_MS);
  await home.auth.listTokens();
  assert.ok(!home.dump().includes('"last_used_at":null'));
  home.time.advance(SUCCESS_WINDOW_MS - USE_FLUSH_MS - 1);
  await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  assert.equal(home.ledger.events.length, 1);
  home.time.advance(1);
  await home.auth.authenticateToken(token, peer('127.0.0.1', 'http'));
  assert.equal(home.ledger.events.length, 2);
});

test('auth/one expiring token more than anybody would watch: announced like the first', () => {
  const time = new ManualTime();
  const revocations = new Revocations(time, time.setTimer);
  const ended: string[] = [];
  revocations.listen((id) => ended.push(id));
  for (let i = 0; i < 2_000; i++) revocations.watch(`t${i}`, time.now() + 1_000);
  time.advance(1_000);
  time.advance(1_000);
  assert.equal(ended.length, 2_000);
  assert.equal(new Set(ended).size, 2_000);
});

test('lists of a token and texts that claim to be one are bounded', async () => {
  await using home = await testAuth();
  const issue = (count: number) =>
    home.auth.issueToken({
      name: `t${count}`,
      scopes: ['operator.read'],
      agents: Array.from({ length: count }, (_, i) => `a${i}`),
    });
  await issue(MAX_TOKEN_LIST);
  await assert.rejects(issue(MAX_TOKEN_LIST + 1), failed('AUTH_TOKEN_REQUEST_INVALID'));
  assert.equal(tokenIdOf(`gth_${'a'.repeat(MAX_TOKEN_LENGTH)}`), undefined);
});
