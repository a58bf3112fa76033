import { BlockList, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Canonical text of an address as a socket reports it: IPv4 inside IPv6 becomes IPv4, a zone id is dropped.
 * Anything that is no address becomes undefined.
 */
export function normaliseAddress(text: string | undefined): string | undefined {
  const bare = text?.replace(/%.*$/, '') ?? '';
  // Dotted decimal without leading zeros has one form only.
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const compatible = COMPATIBLE.exec(bare)?.[1];
  if (compatible !== undefined) return compatibleText(compatible);
  return ipaddr.process(bare).toString();
}

/** `::a.b.c.d` (RFC 4291, section 2.5.5.1) is no IPv4 address, although parsers take it for `::ffff:a.b.c.d`. */
const COMPATIBLE = /^(?:0{0,4}:){0,6}:(\d{1,3}(?:\.\d{1,3}){3})$/;

function compatibleText(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return ipaddr.parse(`::${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`).toString();
}

/** Whether the address never leaves this machine: 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const canonical = normaliseAddress(address);
  return canonical !== undefined && (canonical === '::1' || canonical.startsWith('127.'));
}

/** Whether the text is one address or one CIDR block, as `inBlocks` reads it. */
export function isAddressBlock(text: string): boolean {
  const [net = '', bits, ...more] = text.split('/');
  if (more.length > 0 || net.includes('%')) return false;
  const most = isIPv4(net) ? 32 : isIPv6(net) ? 128 : -1;
  return most > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}

/** Whether an address lies in one of these addresses or CIDR blocks. An unreadable block holds nothing. */
export function inBlocks(blocks: readonly string[], address: string): boolean {
  const list = new BlockList();
  for (const block of blocks) {
    const [net = '', bits] = block.split('/');
    const family = isIPv4(net) ? 'ipv4' : isIPv6(net) ? 'ipv6' : undefined;
    if (family === undefined) continue;
    const most = family === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (prefix >= 0 && prefix <= most) list.addSubnet(net, prefix, family);
  }
  if (isIPv4(address)) return list.check(address, 'ipv4');
  return isIPv6(address) && list.check(address, 'ipv6');
}
