import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parseLsof } from './lsof.ts';
import { parseTcpTable, parseUnixTable } from './proc-net.ts';
import type { ListeningSocket, OpenConnection, OutboundConnection } from './socket-types.ts';

export interface SocketMeasurement {
  readonly listeners: readonly ListeningSocket[];
  /** TCP connections that the process opened itself: those whose local port it does not listen on. */
  readonly outbound: readonly OutboundConnection[];
}

/** Milliseconds for `lsof`, which can hang on dead network mounts. */
const LSOF_TIMEOUT_MS = 10_000;

/** The sockets of these processes as the kernel reports them: /proc/net/* on Linux, lsof on macOS (L2). */
export async function measureSockets(pids: readonly number[]): Promise<SocketMeasurement> {
  if (process.platform === 'linux') return fromProc(pids);
  const list = pids.join(',');
  const { stdout } = await promisify(execFile)(
    'lsof',
    ['-nP', '-a', '-p', list, '-i', '-U', '-F', 'pftnPT'],
    {
      timeout: LSOF_TIMEOUT_MS,
    },
  );
  const { listeners, connections } = parseLsof(stdout);
  return withoutInbound(listeners, connections);
}

async function fromProc(pids: readonly number[]): Promise<SocketMeasurement> {
  const listeners: ListeningSocket[] = [];
  const connections: OpenConnection[] = [];
  const known = new Map<string, Promise<Tables>>();
  for (const pid of pids) {
    const inodes = await socketInodes(pid);
    // Processes of one network namespace see the same tables, which are long on a busy machine.
    const network = await readlink(`/proc/${pid}/ns/net`).catch(() => `of ${pid}`);
    const tables = known.get(network) ?? tablesOf(pid);
    known.set(network, tables);
    const { tcp, unix } = await tables;
    for (const row of tcp) {
      if (!inodes.has(row.inode)) continue;
      const { family, local, remote } = row;
      if (row.state === 'listen') listeners.push({ pid, family, ...local });
      else if (row.state === 'open') connections.push({ pid, ...remote, localPort: local.port });
    }
    for (const { inode, path } of unix) {
      if (inodes.has(inode)) listeners.push({ pid, family: 'unix', address: path, port: null });
    }
  }
  return withoutInbound(listeners, connections);
}

interface Tables {
  readonly tcp: ReturnType<typeof parseTcpTable>;
  readonly unix: ReturnType<typeof parseUnixTable>;
}

async function tablesOf(pid: number): Promise<Tables> {
  const [tcp4, tcp6, unix] = await Promise.all([table(pid, 'tcp'), table(pid, 'tcp6'), table(pid, 'unix')]);
  return {
    tcp: [...parseTcpTable(tcp4, 'tcp4'), ...parseTcpTable(tcp6, 'tcp6')],
    unix: parseUnixTable(unix),
  };
}

/** A connection on a port that the same process listens on was opened by the other side. */
function withoutInbound(
  listeners: readonly ListeningSocket[],
  connections: readonly OpenConnection[],
): SocketMeasurement {
  const served = new Set(listeners.map(({ pid, port }) => `${pid}:${port}`));
  const outbound = connections
    .filter(({ pid, localPort }) => !served.has(`${pid}:${localPort}`))
    .map(({ pid, address, port }) => ({ pid, address, port }));
  return { listeners, outbound };
}

/** The tables of the process's own network namespace. A process that just ended has none. */
async function table(pid: number, name: string): Promise<string> {
  return readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '');
}

async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const targets = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  const inodes = targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]);
  return new Set(inodes.filter((inode) => inode !== undefined));
}
