import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Incoming, Receiving } from '../../controls/listen/index.ts';
import type { WsLimits } from './limits.ts';

/** Header and mask of a short control frame (RFC 6455 section 5.2). */
const CONTROL_HEADER_BYTES = 6;

export type FlowTrouble = 'LISTEN_BUSY' | 'WS_SLOW_READER' | 'WS_SLOW_WRITER';

export interface FlowParts {
  readonly socket: WebSocket;
  readonly raw: Socket;
  readonly limits: WsLimits;
  readonly receiving: Receiving | undefined;
  /** Bytes that wait for all clients together. */
  readonly bufferedTotal: () => number;
  /** Milliseconds that the client has to wait, taking one from its rate. */
  readonly rate: () => number;
  /** The connection ends for this reason. */
  readonly onTrouble: (trouble: FlowTrouble) => void;
}

/**
 * Bytes of one connection in both directions: a message that never ends, an answer that nobody takes and pings
 * without end cost memory that belongs to everybody, so each has a bound in bytes or in time (L5, attacks 91, 92).
 */
export class Flow {
  readonly #parts: FlowParts;
  #incoming: Incoming | undefined;
  /** Of a message that is not complete. */
  #pending = 0;
  #wasPending = false;
  /** Bytes that had reached the peer when we last looked while some were waiting. */
  #reached: number | undefined;

  constructor(parts: FlowParts) {
    this.#parts = parts;
    parts.socket.on('ping', (data: Buffer) => this.#pong(data));
    parts.socket.on('pong', (data: Buffer) => this.#uncount(data));
  }

  /** Count what this principal sends from now on. */
  start(principal: string): void {
    const { raw, receiving, onTrouble } = this.#parts;
    this.#incoming = receiving?.open(principal);
    // Before the parser sees the chunk: a message that it completes takes the whole chunk off again.
    raw.prependListener('data', (chunk: Buffer) => {
      this.#pending += chunk.length;
      if (this.#incoming?.add(chunk.length) === false) onTrouble('LISTEN_BUSY');
    });
  }

  /** A message is complete. */
  message(): void {
    this.#pending = 0;
    this.#wasPending = false;
    this.#incoming?.done();
  }

  /** Whether more may be sent; a reader that is too far behind is in trouble now. */
  maySend(): boolean {
    const { socket, limits, bufferedTotal, onTrouble } = this.#parts;
    const waiting = socket.bufferedAmount;
    const much = waiting > limits.pongBytes && bufferedTotal() > limits.bufferedTotalBytes;
    if (waiting <= limits.bufferedBytes && !much) return true;
    onTrouble('WS_SLOW_READER');
    return false;
  }

  /** Look whether anything has moved since the last look. */
  tick(): void {
    const { socket, raw, onTrouble } = this.#parts;
    if (this.#pending > 0 && this.#wasPending) return onTrouble('WS_SLOW_WRITER');
    this.#wasPending = this.#pending > 0;
    if (socket.bufferedAmount === 0) {
      this.#reached = undefined;
      return;
    }
    const reached = raw.bytesWritten - raw.writableLength;
    if (reached === this.#reached) onTrouble('WS_SLOW_READER');
    this.#reached = reached;
  }

  end(): void {
    this.#incoming?.done();
    this.#incoming = undefined;
  }

  #pong(data: Buffer): void {
    const { socket, limits, rate, onTrouble } = this.#parts;
    this.#uncount(data);
    if (socket.bufferedAmount > limits.pongBytes) return onTrouble('WS_SLOW_READER');
    if (rate() === 0) socket.pong(data);
  }

  #uncount(data: Buffer): void {
    this.#pending = Math.max(0, this.#pending - data.length - CONTROL_HEADER_BYTES);
  }
}
