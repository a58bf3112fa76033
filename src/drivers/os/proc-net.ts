/** One row of /proc/net/tcp or tcp6 (proc_pid_net(5)). */
export interface TcpRow {
  readonly family: 'tcp4' | 'tcp6';
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** `open` is anything between connecting and closed. */
  readonly state: 'listen' | 'open' | 'closed';
  readonly inode: string;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** States of include/net/tcp_states.h: 0A listens; 06 TIME_WAIT and 07 CLOSE belong to no process any more. */
const LISTEN = '0A';
const CLOSED = new Set(['06', '07']);

export function parseTcpTable(text: string, family: 'tcp4' | 'tcp6'): readonly TcpRow[] {
  const rows: TcpRow[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || state === undefined || inode === undefined) continue;
    rows.push({
      family,
      local: endpoint(local, family),
      remote: endpoint(remote, family),
      state: state === LISTEN ? 'listen' : CLOSED.has(state) ? 'closed' : 'open',
      inode,
    });
  }
  return rows;
}

function endpoint(text: string, family: 'tcp4' | 'tcp6'): Endpoint {
  const [address = '', port = '0'] = text.split(':');
  return { address: family === 'tcp4' ? ipv4(address) : ipv6(address), port: Number.parseInt(port, 16) };
}

/** Bytes of one 32-bit word, which the kernel prints in the machine's (little-endian) order. */
function word(hex: string): readonly number[] {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function ipv4(hex: string): string {
  return word(hex).join('.');
}

function ipv6(hex: string): string {
  const bytes = [0, 8, 16, 24].flatMap((at) => word(hex.slice(at, at + 8)));
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2)
    groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  // The URL parser writes the canonical text of RFC 5952.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Flag of a Unix socket that accepts connections (SO_ACCEPTCON). */
const ACCEPTS = 0x10000;

/** Listening Unix sockets of /proc/net/unix; abstract ones begin with `@`. */
export function parseUnixTable(text: string): readonly { readonly inode: string; readonly path: string }[] {
  const rows: { inode: string; path: string }[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [, , , flags, , , inode, ...path] = line.trim().split(/\s+/);
    if (flags === undefined || inode === undefined) continue;
    if ((Number.parseInt(flags, 16) & ACCEPTS) !== 0)
      rows.push({ inode, path: path.join(' ') || '(unnamed)' });
  }
  return rows;
}
