import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEEP_PROBES, type DeepAnswer } from './deep.ts';

const answer = (status: number, headers: Record<string, string> = {}, body = ''): DeepAnswer => ({
  status,
  headers: new Map(Object.entries(headers)),
  body,
});

test('every attempt tells an answer that lets a stranger in from one that does not', () => {
  for (const { id, tried, wrong } of DEEP_PROBES) {
    const open = answer(200, { server: 'x', 'access-control-allow-origin': '*' }, 'version 9.9.9');
    assert.notEqual(wrong(open, '9.9.9'), undefined, `${id} ${tried}`);
    for (const refused of [answer(403), answer(400), answer(0)])
      assert.equal(wrong(refused, '9.9.9'), undefined, `${id} ${tried} ${refused.status}`);
  }
});

test('a 404 or a 401 is no refusal of the listener where the listener itself must refuse', () => {
  for (const { id, wrong } of DEEP_PROBES.filter((one) => ['DEEP_HOST', 'DEEP_FORWARDED'].includes(one.id)))
    for (const status of [401, 404]) assert.notEqual(wrong(answer(status), ''), undefined, id);
});

test('every attempt names a requirement and what to do', () => {
  for (const { requirements, fix, expected } of DEEP_PROBES) {
    assert.ok(requirements.length > 0);
    assert.ok(fix.length > 20 && expected.length > 10);
  }
});
