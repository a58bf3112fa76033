import { connect, type Socket } from 'node:net';
import type { Passage } from './passage.ts';
import { codedRefusal } from './record.ts';
import type { ResolvedAddress } from './types.ts';

/** Milliseconds until the next checked address is tried beside the first (RFC 8305 section 5). */
const ATTEMPT_DELAY_MS = 250;

/** IPv6 and IPv4 in turn, in the order of the answer (RFC 8305 section 4). */
function interleave(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const six = addresses.filter(({ family }) => family === 6);
  const four = addresses.filter(({ family }) => family === 4);
  const order: ResolvedAddress[] = [];
  for (let i = 0; i < Math.max(six.length, four.length); i += 1) {
    order.push(...six.slice(i, i + 1), ...four.slice(i, i + 1));
  }
  return order;
}

/**
 * Connect to one of the addresses that were checked: happy eyeballs among literals, so nothing is looked up
 * again (attacks 16, 19, 20).
 *
 * @throws EGRESS_REHEARSAL_ENDS for a drill, EGRESS_CONNECT_FAILED after all failed or `timeoutMs` passed.
 */
export function dial(passage: Passage, timeoutMs: number): Promise<Socket> {
  const { addresses, target, decision } = passage;
  if (passage.rehearsal === true)
    return Promise.reject(codedRefusal('EGRESS_REHEARSAL_ENDS', target, decision));
  return new Promise((resolve, reject) => {
    const queue = interleave(addresses);
    const pending = new Set<Socket>();
    let stagger: NodeJS.Timeout | undefined;
    const settle = (winner?: Socket): void => {
      clearTimeout(stagger);
      clearTimeout(deadline);
      queue.length = 0;
      for (const socket of pending) if (socket !== winner) socket.destroy();
      pending.clear();
    };
    const fail = (cause?: unknown): void => {
      settle();
      reject(codedRefusal('EGRESS_CONNECT_FAILED', target, decision, undefined, cause));
    };
    const deadline = setTimeout(fail, timeoutMs);
    const attempt = (): void => {
      clearTimeout(stagger);
      const next = queue.shift();
      if (next === undefined) return;
      const socket = connect({
        host: next.address,
        port: target.port,
        family: next.family,
        autoSelectFamily: false,
        noDelay: true,
        allowHalfOpen: true,
      });
      pending.add(socket);
      const onError = (cause: Error): void => {
        if (!pending.delete(socket)) return;
        if (queue.length > 0) attempt();
        else if (pending.size === 0) fail(cause);
      };
      socket.on('error', onError);
      socket.once('connect', () => {
        if (!pending.has(socket)) return;
        settle(socket);
        socket.off('error', onError);
        resolve(socket);
      });
      if (queue.length > 0) stagger = setTimeout(attempt, ATTEMPT_DELAY_MS);
    };
    attempt();
  });
}
