import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeasuredListener } from '../services.ts';
import { ownOrigin } from './link.ts';

function listener(address: string, more: Partial<MeasuredListener> = {}): MeasuredListener {
  const own = { pid: 1, process: 'gateway', family: 'tcp4', address, port: 18_789 } as const;
  return { ...own, plane: 'users', declared: true, ...more };
}

test('a link leads where users listen on this machine, over TLS exactly where that listener speaks it', () => {
  const loopback = listener('127.0.0.1');
  const lan = listener('192.0.2.7', { port: 443 });
  assert.equal(ownOrigin([loopback], false), 'http://127.0.0.1:18789');
  assert.equal(ownOrigin([loopback, listener('::1')], true), 'https://127.0.0.1:18789');
  assert.equal(ownOrigin([lan, loopback], true), 'http://127.0.0.1:18789', 'plain beside an exposed one');
  assert.equal(ownOrigin([lan], true), 'https://192.0.2.7:443');
  assert.equal(ownOrigin([listener('::1')], false), 'http://[::1]:18789');
});

test('sockets that nobody declared, of other planes or without a port are nothing to lead people to', () => {
  const others = [
    listener('127.0.0.1', { declared: false }),
    listener('127.0.0.1', { plane: 'webhooks' }),
    listener('/run/x.sock', { port: null }),
  ];
  assert.throws(() => ownOrigin(others, false), { code: 'OP_INPUT_INVALID' });
});
