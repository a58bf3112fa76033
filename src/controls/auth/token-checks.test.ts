import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTokens } from './token-checks.ts';
import type { TokenSummary } from './types.ts';

const DAY_MS = 86_400_000;
const NOW = 400 * DAY_MS;

function token(change: Partial<TokenSummary> = {}): TokenSummary {
  return {
    id: 'a',
    name: 'ci',
    version: 1,
    principal: 'token:a',
    scopes: ['operator.read'],
    agents: ['*'],
    addresses: [],
    owner: 'alice',
    ticket: '',
    createdAt: NOW - DAY_MS,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: NOW - DAY_MS,
    lastUsedFrom: null,
    ...change,
  };
}

const ids = (...tokens: readonly TokenSummary[]) => checkTokens(tokens, NOW).map(({ id }) => id);

test('a token that is used, bound and new is no finding', () => {
  assert.deepEqual(ids(token(), token({ scopes: ['operator.admin'] })), []);
});

test('a token that nobody used for ninety days is a finding, one day earlier it is none', () => {
  assert.deepEqual(ids(token({ lastUsedAt: NOW - 90 * DAY_MS })), ['auth.token-unused']);
  assert.deepEqual(ids(token({ lastUsedAt: NOW - 89 * DAY_MS })), []);
  assert.deepEqual(ids(token({ createdAt: NOW - 90 * DAY_MS, lastUsedAt: null })), ['auth.token-unused']);
});

test('a token that ends within a week is a finding, one that has ended or was revoked is none', () => {
  assert.deepEqual(ids(token({ expiresAt: NOW + 6 * DAY_MS })), ['auth.token-ends-soon']);
  assert.deepEqual(ids(token({ expiresAt: NOW - 1, lastUsedAt: null, createdAt: 0 })), []);
  assert.deepEqual(ids(token({ revokedAt: NOW - 1, lastUsedAt: null, createdAt: 0 })), []);
});

test("an administrator's token without an end is a finding once the install is no longer being set up", () => {
  const admin = { scopes: ['operator.admin'] } as const;
  assert.deepEqual(ids(token({ ...admin, createdAt: NOW - 30 * DAY_MS })), ['auth.admin-token-unbounded']);
  assert.deepEqual(ids(token({ ...admin, createdAt: NOW - 29 * DAY_MS })), []);
  const bound = { ...admin, createdAt: NOW - 30 * DAY_MS, expiresAt: NOW + 30 * DAY_MS };
  assert.deepEqual(ids(token(bound)), []);
});

test('more administrators than anybody watches are a finding', () => {
  const many = Array.from({ length: 6 }, (_, n) => token({ id: String(n), scopes: ['operator.admin'] }));
  assert.deepEqual(ids(...many), ['auth.many-administrators']);
  assert.deepEqual(ids(...many.slice(1)), []);
});
