import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { View } from '../view.ts';
import { resultLines } from './results.ts';

const view: View = { paint: (_tone, text) => text, command: 'gatehouse' };

describe('a result that is a file', () => {
  test('keeps its lines, whatever ends them, so that a redirected CSV opens', () => {
    const text = 'section,item\r\nlogins,"a, b"\r\n';
    for (const id of ['report.create', 'inventory.all']) {
      assert.deepEqual(resultLines(id, { text, items: [] }, view), ['section,item', 'logins,"a, b"'], id);
    }
  });

  test('cli/a carriage return or an escape sequence inside a line of it: refused, it is shown', () => {
    assert.deepEqual(resultLines('report.create', { text: 'a\rb\u001b[2Jc\r\n' }, view), [
      'a\u27e8U+000D\u27e9b\u27e8U+001B\u27e9[2Jc',
    ]);
  });
});

describe('budget show', () => {
  const line = {
    scope: 'principal:token:ci',
    measure: 'tokens',
    period: 'day',
    limit: 5_000_000,
    used: 1_000_000,
    reserved: 250_000,
    resetsAt: Date.UTC(2026, 10, 29),
  };

  test('says of each limit whose it is, what is used and set aside, and when counting begins anew', () => {
    const lines = [line, { ...line, measure: 'money', limit: 0, used: 0, reserved: 0 }];
    const [titles, tokens, money, ...rest] = resultLines('budget.show', { lines, unpriced: [] }, view);
    assert.match(titles ?? '', /^WHOSE +LIMIT +USED +SET ASIDE +SHARE +ANEW$/);
    assert.match(
      tokens ?? '',
      /^principal:token:ci  5,000,000 tokens a day  1,000,000 +250,000 +25 % +2026-11-29 00:00:00Z$/,
    );
    assert.match(money ?? '', /0\.00 money a day .* closed /);
    assert.deepEqual(rest, []);
  });

  test('names the models that are refused for want of a price, and says when nothing is limited', () => {
    const [none, empty, refused] = resultLines('budget.show', { lines: [], unpriced: ['a/b'] }, view);
    assert.match(none ?? '', /^Nothing is limited/);
    assert.equal(empty, '');
    assert.match(refused ?? '', /^refused: a\/b: .*budget\.prices/);
  });
});

test('lists that are empty say so in words', () => {
  assert.match(resultLines('instances.list', { instances: [] }, view).join(), /^No other install/);
  assert.match(resultLines('anchor.list', { checkpoints: [] }, view).join(), /^Nothing is kept/);
  assert.match(resultLines('egress.log', { lines: [] }, view).join(), /^Nothing was asked for/);
});
