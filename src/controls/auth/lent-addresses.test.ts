import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buckets, MAX_LENT } from './addresses.ts';
import { LoginLimiter } from './limiter.ts';

const clock = { now: () => 0, monotonic: () => 0 };

test('all of loopback is one name, unless an address of it is lent', () => {
  const buckets = new Buckets();
  assert.equal(buckets.of('127.150.1.2'), buckets.of('127.0.0.1'));
  const giveBack = buckets.lend('127.150.1.2');
  assert.equal(buckets.of('127.150.1.2'), '127.150.1.2');
  assert.equal(buckets.of('127.150.1.3'), buckets.of('127.0.0.1'));
  giveBack();
  assert.equal(buckets.of('127.150.1.2'), buckets.of('127.0.0.1'));
});

test('a lockout that a drill provokes from a lent address locks nobody else out', () => {
  const buckets = new Buckets();
  buckets.lend('127.150.1.2');
  const limiter = new LoginLimiter(clock, { failures: 2, windowMs: 1_000, lockoutMs: 1_000 }, buckets);
  const drill = { kind: 'token', address: '127.150.1.2' } as const;
  limiter.fail(drill);
  assert.equal(limiter.fail(drill).locked, true);
  assert.throws(() => limiter.check(drill), { code: 'AUTH_RATE_LIMITED' });
  limiter.check({ kind: 'token', address: '127.0.0.1' });
});

test('auth/an address that others use is lent: refused', () => {
  const buckets = new Buckets();
  for (const address of ['127.0.0.1', '127.0.0.7', '10.1.2.3', '::1', 'unix', '']) {
    assert.throws(() => buckets.lend(address), RangeError, address);
  }
});

test('no more than the bound is lent at once', () => {
  const buckets = new Buckets();
  for (let i = 0; i < MAX_LENT; i++) buckets.lend(`127.100.${Math.floor(i / 200)}.${i % 200}`);
  assert.throws(() => buckets.lend('127.200.1.1'), RangeError);
});
