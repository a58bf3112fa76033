import { BlockList, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The peer address of the operator's own Unix socket. */
export const UNIX_PEER = 'unix';

/** Whether the text is an address or a CIDR block that a token can be bound to. */
export function isAddressBlock(text: string): boolean {
  return parseBlock(text) !== undefined;
}

function parseBlock(text: string): { net: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [net = '', bits, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  const family = isIPv4(net) ? 'ipv4' : isIPv6(net) && !net.includes('%') ? 'ipv6' : undefined;
  if (family === undefined) return undefined;
  const most = family === 'ipv4' ? 32 : 128;
  if (bits === undefined) return { net, bits: most, family };
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > most) return undefined;
  return { net, bits: Number(bits), family };
}

/**
 * Whether a peer may use a credential that is bound to these blocks. No block means any address that reaches the
 * listener; a block that cannot be read admits nobody. The operator's socket has no address and is never bound.
 */
export function addressAllowed(blocks: readonly string[], address: string): boolean {
  if (blocks.length === 0) return true;
  const list = new BlockList();
  for (const block of blocks) {
    const parsed = parseBlock(block);
    if (parsed !== undefined) list.addSubnet(parsed.net, parsed.bits, parsed.family);
  }
  if (isIPv4(address)) return list.check(address, 'ipv4');
  return isIPv6(address) && list.check(address, 'ipv6');
}

/**
 * The name under which failures of an address are counted. An IPv6 host owns a whole /64 and anybody on this
 * machine owns all of 127.0.0.0/8, so those count as one (attack 78).
 */
export function bucketOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.range() === 'loopback') return 'loopback';
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const groups = (parsed as ipaddr.IPv6).parts.slice(0, 4).map((part) => part.toString(16));
  return `${groups.join(':')}::/64`;
}

/** Addresses lent at once; a run of drills needs one per attempt. */
export const MAX_LENT = 1_000;
const LENDABLE = /^127\.(?!0\.0\.)\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/**
 * The names under which addresses are counted. While a drill runs, the loopback address that it comes from is a name
 * of its own, so that what it provokes counts against nobody else on this machine. Another local program that came
 * from the same address meanwhile would gain one more allowance of failures and nothing else.
 */
export class Buckets {
  readonly #lent = new Set<string>();

  of(address: string): string {
    return this.#lent.has(address) ? address : bucketOf(address);
  }

  /** @throws RangeError for an address that is not one of 127.0.0.0/8, or 127.0.0.x, or when too many are lent */
  lend(address: string): () => void {
    if (!LENDABLE.test(address) || this.#lent.size >= MAX_LENT) throw new RangeError('not to be lent');
    this.#lent.add(address);
    return () => void this.#lent.delete(address);
  }
}
