/** Bounds of the WebSocket surface (L5). All can be given to `createWsSurface`; these are the defaults. */
export interface WsLimits {
  /** Bytes of a frame, and of all frames together, before the client is known; past it 1009. */
  readonly preAuthBytes: number;
  /** Bytes of one frame after authentication. */
  readonly frameBytes: number;
  /** Bytes waiting to be sent to one client; a slower reader is cut off, others do not notice. */
  readonly bufferedBytes: number;
  /** Milliseconds from open to a successful connect. */
  readonly handshakeMs: number;
  /** Milliseconds that a peer has to answer a close before its socket is dropped. */
  readonly closeMs: number;
  readonly tickMs: number;
  readonly unauthenticatedPerAddress: number;
  readonly unauthenticatedTotal: number;
  /** Bytes waiting to be sent to all clients together; past it a slow reader is cut off earlier. */
  readonly bufferedTotalBytes: number;
  /** Bytes waiting to be sent past which a ping is answered no more, but taken for a slow reader's. */
  readonly pongBytes: number;
  /** Refusals for the rate in a row after which nothing is read for `pauseMs` milliseconds. */
  readonly floodRefusals: number;
  readonly pauseMs: number;
  /** Requests of one connection that may be under way at once. */
  readonly inFlight: number;
}

export const WS_LIMITS: WsLimits = {
  preAuthBytes: 64 * 1024,
  frameBytes: 25 * 1024 * 1024,
  bufferedBytes: 50 * 1024 * 1024,
  handshakeMs: 15_000,
  closeMs: 500,
  tickMs: 30_000,
  unauthenticatedPerAddress: 256,
  unauthenticatedTotal: 512,
  bufferedTotalBytes: 96 * 1024 * 1024,
  pongBytes: 64 * 1024,
  floodRefusals: 100,
  pauseMs: 250,
  inFlight: 256,
};
