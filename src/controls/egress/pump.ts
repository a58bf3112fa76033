import type { Socket } from 'node:net';
import type { EgressCode } from './codes.ts';
import type { RunMeter } from './meter.ts';
import { type Ending, type Handle, reasonOf } from './passage.ts';

export interface PumpOptions {
  readonly handle: Handle;
  readonly meter: RunMeter;
  readonly idleMs: number;
  /** Sees every chunk from the client first; a code ends the tunnel before that chunk is passed on. */
  readonly inspect?: (chunk: Buffer) => EgressCode | undefined;
}

/** Copy bytes both ways until both sides have ended, a limit is reached or the handle is aborted. */
export function pump(client: Socket, upstream: Socket, options: PumpOptions): Promise<Ending> {
  const { handle, meter, idleMs, inspect } = options;
  const moved = { sent: 0, received: 0 };
  const address = upstream.remoteAddress ?? '';
  return new Promise((resolve) => {
    let ended = false;
    const end = (code?: string): void => {
      if (ended) return;
      ended = true;
      clearTimeout(idle);
      handle.signal.removeEventListener('abort', onAbort);
      client.destroy();
      upstream.destroy();
      resolve({ address, ...moved, ...(code === undefined ? {} : { code }) });
    };
    const onAbort = (): void => end(reasonOf(handle.signal).code);
    const idle = setTimeout(() => end('EGRESS_LIMIT_TIME'), idleMs);
    const oneWay = (from: Socket, to: Socket, count: 'sent' | 'received'): void => {
      from.on('data', (chunk: Buffer) => {
        if (ended) return;
        idle.refresh();
        const veto = count === 'sent' ? inspect?.(chunk) : undefined;
        if (veto !== undefined) return end(veto);
        moved[count] += chunk.length;
        if (!meter.move(chunk.length)) return end(meter.over);
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('end', () => to.end());
      from.on('error', () => end());
      // Fully closed: what it sent is still flushed, what is meant for it has nowhere to go.
      from.on('close', () => {
        if (to.destroyed || from.errored !== null) end();
        else to.end(() => end());
      });
    };
    oneWay(client, upstream, 'sent');
    oneWay(upstream, client, 'received');
    if (handle.signal.aborted) onAbort();
    else handle.signal.addEventListener('abort', onAbort);
    client.resume();
    upstream.resume();
  });
}
