import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connectParams, openSocket, type RawSocket } from '../test/fixtures/raw-websocket.ts';

/** Megabytes of resident memory of one process. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Milliseconds of processor time that a process has used; the kernel counts in hundredths of a second. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The value below which this share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Address number `index` of the 65,000 that start at 127.1.0.1; each is a client of its own to a listener. */
export function loopbackAddress(index: number): string {
  return `127.1.${Math.floor(index / 250)}.${1 + (index % 250)}`;
}

/** A raw connection whose source address is chosen; failures close it and nothing else. */
export function connectFrom(port: number, localAddress: string): Socket {
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** A WebSocket that is past hello. */
export async function openSession(url: string, token: string): Promise<RawSocket> {
  const socket = await openSocket(url);
  const hello = await socket.connect(connectParams(token));
  if (hello.ok !== true) throw new Error(`no session: ${JSON.stringify(hello.error)}`);
  return socket;
}
