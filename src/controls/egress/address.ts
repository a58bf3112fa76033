import ipaddr from 'ipaddr.js';
import { parseAddress } from './ip.ts';

export interface AddressClass {
  readonly public: boolean;
  /** Which entry of the table says so, for records and messages. */
  readonly kind: string;
}

/** A network and the length of its prefix. */
export type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Metadata services come first: they are named as such wherever they live (attack 10). */
const NOT_PUBLIC: readonly (readonly [string, readonly string[]])[] = [
  [
    'metadata',
    ['169.254.169.254/32', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32', 'fd00:ec2::254/128'],
  ],
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['carrier-nat', ['100.64.0.0/10']],
  ['protocol-assignments', ['192.0.0.0/24']],
  ['documentation', ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20']],
  ['6to4-relay', ['192.88.99.0/24']],
  ['benchmarking', ['198.18.0.0/15', '2001:2::/48']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['broadcast', ['255.255.255.255/32']],
  ['reserved', ['240.0.0.0/4']],
  ['unique-local', ['fc00::/7']],
  ['site-local', ['fec0::/10']],
  ['ipv4-mapped', ['::ffff:0:0/96']],
  ['ipv4-compatible', ['::/96']],
  ['ipv4-translated', ['::ffff:0:0:0/96']],
  ['nat64', ['64:ff9b::/96', '64:ff9b:1::/48']],
  ['discard', ['100::/64']],
  ['teredo', ['2001::/32']],
  ['6to4', ['2002::/16']],
  ['orchid', ['2001:10::/28', '2001:20::/28']],
  ['protocol-assignments', ['2001::/23']],
];

const TABLE: readonly (readonly [string, readonly Cidr[]])[] = NOT_PUBLIC.map(([kind, ranges]) => [
  kind,
  ranges.map((range) => ipaddr.parseCIDR(range)),
]);

const GLOBAL_UNICAST: Cidr = ipaddr.parseCIDR('2000::/3');

function within(address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Cidr): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}

/** Interface identifiers 0:5efe:a.b.c.d and 200:5efe:a.b.c.d carry an IPv4 address in any prefix (RFC 5214). */
function isIsatap(address: ipaddr.IPv6): boolean {
  return (address.parts[4] === 0 || address.parts[4] === 0x200) && address.parts[5] === 0x5efe;
}

/**
 * Whether an address is on the public internet, by the IANA special-purpose registries (RFC 6890) and the
 * known metadata services. Whatever is not clearly public is not (attacks 9 and 10).
 */
export function classifyAddress(address: string): AddressClass {
  const parsed = parseAddress(address);
  if (parsed === undefined) return { public: false, kind: 'unreadable' };
  for (const [kind, ranges] of TABLE) {
    if (ranges.some((range) => within(parsed, range))) return { public: false, kind };
  }
  if (parsed instanceof ipaddr.IPv4) return { public: true, kind: 'public' };
  if (isIsatap(parsed)) return { public: false, kind: 'isatap' };
  return within(parsed, GLOBAL_UNICAST)
    ? { public: true, kind: 'public' }
    : { public: false, kind: 'unassigned' };
}

/** A network in CIDR, or undefined when it is not one. Host bits beyond the prefix must be zero. */
export function parseNetwork(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const parsed = parseAddress(address);
  if (parsed === undefined || rest.length > 0 || !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const bytes = parsed.toByteArray();
  const bits = Number(length);
  if (bits > bytes.length * 8) return undefined;
  const clear = bytes.every((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, bits - i * 8)))) === 0);
  return clear ? [parsed, bits] : undefined;
}

/**
 * Whether one of the networks holds the address. Families never mix: `10.0.0.0/8` does not name
 * `::ffff:10.0.0.1` (attack 9).
 */
export function inNetworks(address: string, networks: readonly Cidr[]): boolean {
  const parsed = parseAddress(address);
  return parsed !== undefined && networks.some((network) => within(parsed, network));
}
