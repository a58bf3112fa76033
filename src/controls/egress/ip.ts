import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** `::127.0.0.1` as hex groups: the library reads a dotted tail after `::` as IPv4-mapped, the system does not. */
function withoutDottedTail(address: string): string {
  const [, head, a, b, c, d] = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address) ?? [];
  if (head === undefined) return address;
  const group = (high = '', low = ''): string => (Number(high) * 256 + Number(low)).toString(16);
  return `${head}${group(a, b)}:${group(c, d)}`;
}

/** An address in strict notation; undefined for short, octal and zoned forms and for anything else. */
export function parseAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIPv4(address)) return ipaddr.IPv4.parse(address);
  if (isIPv6(address) && !address.includes('%')) return ipaddr.IPv6.parse(withoutDottedTail(address));
  return undefined;
}

/** One text per address, so that rules, records and comparisons agree (RFC 5952 for IPv6). */
export function canonicalAddress(address: string): string {
  const parsed = parseAddress(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : address;
}
