import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResolver } from './index.ts';
import { startDns } from './testing/dns.ts';

test('both families of a name are one answer', async () => {
  await using dns = await startDns((name, type) =>
    type === 'A'
      ? [{ name, type, value: '93.184.216.34' }]
      : [{ name, type: 'AAAA', value: '2606:4700::1111' }],
  );
  const answer = await createResolver({ servers: [dns.server] }).resolve('api.example.org');
  assert.deepEqual(answer, [
    { address: '2606:4700::1111', family: 6 },
    { address: '93.184.216.34', family: 4 },
  ]);
  assert.deepEqual([...dns.asked].sort(), ['A api.example.org', 'AAAA api.example.org']);
});

test('a CNAME is followed to the addresses it leads to', async () => {
  await using dns = await startDns((name, type) =>
    type === 'A'
      ? [
          { name, type: 'CNAME', value: 'inside.example.org' },
          { name: 'inside.example.org', type, value: '10.0.0.5' },
        ]
      : [],
  );
  const answer = await createResolver({ servers: [dns.server] }).resolve('api.example.org');
  assert.deepEqual(answer, [{ address: '10.0.0.5', family: 4 }]);
});

test('a name without addresses gives none, and neither hosts file nor search domain is asked', async () => {
  await using dns = await startDns(() => ({ rcode: 3 }));
  const resolver = createResolver({ servers: [dns.server] });
  assert.deepEqual(await resolver.resolve('printer'), []);
  assert.deepEqual([...new Set(dns.asked.map((key) => key.split(' ')[1]))], ['printer']);
});

test('a failing or silent name server fails the look-up', async () => {
  await using dns = await startDns((name) => (name === 'silent.example.org' ? 'silence' : { rcode: 2 }));
  const resolver = createResolver({ servers: [dns.server], timeoutMs: 50, tries: 1 });
  await assert.rejects(resolver.resolve('broken.example.org'));
  await assert.rejects(resolver.resolve('silent.example.org'));
});
