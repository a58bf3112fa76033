import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dial } from './dial.ts';
import { judgeAuthority } from './host.ts';
import { rehearse } from './rehearsal.ts';
import { startRunProxy, TableResolver } from './testing/parts.ts';

const HOST = 'd0123456789.drill.invalid';

/** A gate as egress has it, whose own resolver must not be asked. */
async function gateOf() {
  const proxy = await startRunProxy({ resolver: new TableResolver({}) });
  return { proxy, gate: proxy.gate };
}

for (const [title, rehearsal] of [
  ['a real host', { host: 'api.example.org', answers: [['93.184.215.14']] }],
  ['a name beside it', { host: `${HOST}.example.org`, answers: [['93.184.215.14']] }],
  ['a wildcard', { host: '*.drill.invalid', answers: [['93.184.215.14']] }],
  ['no answers', { host: HOST, answers: [] }],
  ['an answer that is no address', { host: HOST, answers: [['api.example.org']] }],
  [
    'more answers than a drill needs',
    { host: HOST, answers: Array.from({ length: 9 }, () => ['192.0.2.1']) },
  ],
] as const)
  test(`egress/a rehearsal with ${title}: refused`, async () => {
    const { proxy, gate } = await gateOf();
    await using _closing = proxy;
    assert.throws(() => rehearse(gate, rehearsal), { code: 'EGRESS_REQUEST_MALFORMED' });
  });

test('egress/the dial of a rehearsal that was admitted: refused, whatever its addresses are', async () => {
  const { proxy, gate } = await gateOf();
  await using _closing = proxy;
  const { gate: made, policy } = rehearse(gate, { host: HOST, answers: [['93.184.215.14'], ['127.0.0.1']] });
  const judged = judgeAuthority(`${HOST}:443`);
  assert.ok(judged.ok);
  const subject = { principal: 'gatehouse' };
  const passage = await made.check(policy, subject, judged.target, 'connect');
  assert.equal(passage.rehearsal, true);
  await assert.rejects(dial(passage, 1_000), { code: 'EGRESS_REHEARSAL_ENDS' });
  // The second answer moves, as under rebinding, and the live check sees it.
  await assert.rejects(made.check(policy, subject, judged.target, 'connect'), {
    code: 'EGRESS_ADDRESS_NOT_PUBLIC',
  });
});
