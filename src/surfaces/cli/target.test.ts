import assert from 'node:assert/strict';
import { test } from 'node:test';
import { targetOf } from './target.ts';

test('cli/another gateway without a token, or anywhere but on this machine in the clear: refused', () => {
  const of = (GATEHOUSE_URL: string, GATEHOUSE_TOKEN?: string) =>
    targetOf({ GATEHOUSE_URL, ...(GATEHOUSE_TOKEN === undefined ? {} : { GATEHOUSE_TOKEN }) }, '/s');
  assert.throws(() => of('http://127.0.0.1:18789'), { code: 'CLI_TOKEN_MISSING' });
  for (const url of [
    'http://10.0.0.1/',
    'https://127.0.0.1/',
    'http://u@127.0.0.1/',
    'http://127.0.0.1/x',
    'x',
  ])
    assert.throws(() => of(url, 'gth_x'), { code: 'CLI_URL_INVALID' }, url);
  assert.deepEqual(of('http://[::1]:1', 't'), { kind: 'url', host: '::1', port: 1, token: 't' });
  assert.deepEqual(of(''), { kind: 'socket', socketPath: '/s' });
});
