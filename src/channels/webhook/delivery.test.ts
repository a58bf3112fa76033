import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateDelivery } from './delivery.ts';

const HEAD = { id: 'msg_1', timestamp: '1700000000', signatures: [] };

test('channels/a signed delivery without text, or that is no JSON: refused', () => {
  for (const body of ['{"text":"  "}', '[', '"text"', ''])
    assert.throws(() => translateDelivery(HEAD as never, Buffer.from(body), 'ci'), {
      code: 'CHANNEL_MESSAGE_MALFORMED',
    });
  assert.equal(translateDelivery(HEAD as never, Buffer.from('{"text":"hi"}'), 'ci').sender, 'ci');
});
