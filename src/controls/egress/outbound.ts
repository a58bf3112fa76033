import type { Socket } from 'node:net';
import { asGatehouseError, type Subject } from '../../kernel/index.ts';
import { dial } from './dial.ts';
import type { Gate } from './gate.ts';
import type { EgressPolicy } from './passage.ts';
import { recordClosed, recordDecision } from './record.ts';
import type { Target } from './types.ts';
import { secureUpstream } from './upstream-tls.ts';

export interface OutboundOrder {
  readonly policy: EgressPolicy;
  readonly subject: Subject;
  readonly target: Target;
  /** TLS to the target, its certificate always checked. */
  readonly tls: boolean;
  /** Further certificate authorities in PEM. */
  readonly ca?: string;
  readonly alpn?: readonly string[];
}

export interface Outbound {
  /** What is written to and read from; the TLS socket where there is one. */
  readonly stream: Socket;
  /** The TCP connection below. */
  readonly socket: Socket;
}

/**
 * A connection of egress's own, for what Gatehouse itself has to tell others: decided, resolved, checked, pinned and
 * recorded as every other. Limits of runs do not count for it, so that no run can silence it by using them up.
 *
 * @throws the refusal, after it was recorded
 */
export async function openOutbound(gate: Gate, order: OutboundOrder): Promise<Outbound> {
  const { policy, subject, target, tls, ca, alpn } = order;
  const passage = await gate.check(policy, subject, target, 'telemetry');
  await recordDecision(gate.ledger, passage, 'telemetry');
  const started = performance.now();
  let socket: Socket | undefined;
  const closed = (code?: string): void => {
    const facts = {
      sent: socket?.bytesWritten ?? 0,
      received: socket?.bytesRead ?? 0,
      ms: Math.round(performance.now() - started),
      ...(socket?.remoteAddress === undefined ? {} : { address: socket.remoteAddress }),
      ...(code === undefined ? {} : { code }),
    };
    void recordClosed(gate.ledger, passage, 'telemetry', facts);
  };
  try {
    const { connectMs: timeoutMs } = gate.limits;
    socket = await dial(passage, timeoutMs);
    const extra = { ...(ca === undefined ? {} : { ca }), ...(alpn === undefined ? {} : { alpn }) };
    const stream = tls
      ? await secureUpstream(socket, target, passage.decision, { timeoutMs, ...extra })
      : socket;
    socket.once('close', () => closed());
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return { stream, socket };
  } catch (thrown) {
    socket?.destroy();
    closed(asGatehouseError(thrown).code);
    throw thrown;
  }
}

/** Milliseconds of silence after which the other side's kernel is asked whether it is still there. */
const KEEP_ALIVE_MS = 30_000;
