import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOB, call, failure, world } from '../testing/world.ts';

const WHY = { forMs: 60_000, ticket: 'T-1', reason: 'r' };

test('grants/every way of granting, asked for without operator.admin: refused', async () => {
  const match = ['host=api.vendor.org', 'port=443'];
  const calls: readonly [string, object][] = [
    ['egress.allow', { destination: 'api.vendor.org', ...WHY }],
    ['grant.add', { kind: 'net.connect', match, ...WHY }],
    ['grant.breakglass', { kind: 'net.connect', match, ...WHY }],
    ['grant.approve', { id: 'g-1' }],
    ['grant.revoke', { id: 'g-1' }],
    ['grant.list', {}],
    ['grant.show', { id: 'g-1' }],
  ];
  for (const [id, input] of calls) {
    const where = world();
    const refusal = await failure(call(where, id, BOB, input));
    assert.equal(refusal.code, 'AUTH_SCOPE_MISSING', id);
    assert.deepEqual(where.did, [], id);
    assert.deepEqual(
      where.events.map(({ action, outcome }) => [action, outcome]),
      [['operation.call', 'deny']],
      id,
    );
  }
});
