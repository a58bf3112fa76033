import { readFileSync } from 'node:fs';

/** Column of proc_pid_net(5) that holds `tx_queue:rx_queue` in hexadecimal. */
const QUEUES = 4;
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

function portOf(endpoint: string | undefined): number {
  return Number.parseInt(endpoint?.split(':')[1] ?? '', 16);
}

/**
 * Bytes of a TCP connection that the other side's kernel has not confirmed yet. Local and remote port name it as far
 * as is needed here; where two connections share both, the larger queue counts.
 *
 * @returns undefined where the kernel does not tell
 */
export function unconfirmedBytes(localPort: number, remotePort: number): number | undefined {
  let most: number | undefined;
  for (const table of TABLES) {
    let text: string;
    try {
      text = readFileSync(table, 'utf8');
    } catch {
      continue;
    }
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (portOf(columns[1]) !== localPort || portOf(columns[2]) !== remotePort) continue;
      const queued = Number.parseInt(columns[QUEUES]?.split(':')[0] ?? '', 16);
      if (Number.isFinite(queued)) most = Math.max(most ?? 0, queued);
    }
  }
  return most;
}
