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
  unauthenticatedPerAddress: 64,
  unauthenticatedTotal: 512,
  inFlight: 256,
};
