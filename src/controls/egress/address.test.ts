import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyAddress, inNetworks, parseNetwork } from './address.ts';

const NOT_PUBLIC: readonly (readonly [address: string, kind: string])[] = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['10.0.0.1', 'private'],
  ['100.64.0.1', 'carrier-nat'],
  ['100.127.255.255', 'carrier-nat'],
  ['100.100.100.200', 'metadata'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['168.63.129.16', 'metadata'],
  ['169.254.0.1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', 'metadata'],
  ['192.0.0.8', 'protocol-assignments'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', '6to4-relay'],
  ['192.168.255.255', 'private'],
  ['198.18.0.1', 'benchmarking'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.7', 'documentation'],
  ['224.0.0.251', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::127.0.0.1', 'ipv4-compatible'],
  ['::ffff:127.0.0.1', 'ipv4-mapped'],
  ['::ffff:93.184.216.34', 'ipv4-mapped'],
  ['::ffff:0:127.0.0.1', 'ipv4-translated'],
  ['64:ff9b::7f00:1', 'nat64'],
  ['64:ff9b:1::7f00:1', 'nat64'],
  ['64:ff9b:1:ffff::a9fe:a9fe', 'nat64'],
  ['100::1', 'discard'],
  ['2001::1', 'teredo'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'teredo'],
  ['2001:2::1', 'benchmarking'],
  ['2001:10::1', 'orchid'],
  ['2001:20::1', 'orchid'],
  ['2001:1::1', 'protocol-assignments'],
  ['2001:db8::1', 'documentation'],
  ['3fff::1', 'documentation'],
  ['2002:7f00:1::1', '6to4'],
  ['2606:4700::5efe:7f00:1', 'isatap'],
  ['2606:4700::200:5efe:7f00:1', 'isatap'],
  ['fc00::1', 'unique-local'],
  ['fd00:ec2::254', 'metadata'],
  ['fd12::1', 'unique-local'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::fb', 'multicast'],
  ['4000::1', 'unassigned'],
  ['5f00::1', 'unassigned'],
  ['fe80::1%eth0', 'unreadable'],
  ['127.1', 'unreadable'],
  ['0x7f000001', 'unreadable'],
  ['example.org', 'unreadable'],
  ['', 'unreadable'],
];

for (const [address, kind] of NOT_PUBLIC) {
  test(`egress/${JSON.stringify(address)} is not public: ${kind}`, () => {
    assert.deepEqual(classifyAddress(address), { public: false, kind });
  });
}

test('addresses of the internet are public, also beside reserved blocks', () => {
  for (const address of [
    '93.184.216.34',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2001:4860:4860::8888',
    '2003::1',
  ]) {
    assert.equal(classifyAddress(address).public, true, address);
  }
});

test('a network names exactly its addresses and never those of another family', () => {
  const networks = ['10.1.0.0/16', 'fd00::/8']
    .map((text) => parseNetwork(text))
    .filter((network) => network !== undefined);
  assert.equal(networks.length, 2);
  assert.ok(inNetworks('10.1.2.3', networks));
  assert.ok(!inNetworks('10.2.0.0', networks));
  assert.ok(inNetworks('fd12::1', networks));
  assert.ok(!inNetworks('::ffff:10.1.2.3', networks));
  assert.ok(!inNetworks('fe80::1%eth0', networks));
});

for (const text of [
  '10.0.0.1/8',
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10/8',
  '::/129',
  'fd00::/8/8',
  'x/8',
  '0x0a000000/8',
  '10.0.0.0/ 8',
]) {
  test(`egress/the network ${JSON.stringify(text)}: refused`, () =>
    assert.equal(parseNetwork(text), undefined));
}
