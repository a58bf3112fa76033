/** Bounds that hold before a caller is authenticated (L5). Each can be injected smaller; none can be switched off. */
export interface ListenLimits {
  /** Bytes of all request headers together. */
  readonly headerBytes: number;
  readonly headerCount: number;
  /** Milliseconds until the headers, and until the whole request, must have arrived. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How often connections are checked against the two timeouts, in milliseconds. */
  readonly checkIntervalMs: number;
  /** Connections on which nobody has authenticated yet. */
  readonly unauthenticatedPerAddress: number;
  readonly unauthenticatedTotal: number;
  /** All connections of all listeners, and those of one principal. */
  readonly connections: number;
  readonly connectionsPerPrincipal: number;
  /** Bytes waiting for a slow reader after which its connection is closed. */
  readonly bufferedBytes: number;
  /** Milliseconds in which a reader must take some of what waits for it. */
  readonly stallMs: number;
  /** Bytes of bodies and frames that are being received, of one principal and in total. */
  readonly receivingBytesPerPrincipal: number;
  readonly receivingBytes: number;
}

export const LISTEN_LIMITS: ListenLimits = {
  headerBytes: 16 * 1024,
  headerCount: 64,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  checkIntervalMs: 5_000,
  unauthenticatedPerAddress: 1_280,
  unauthenticatedTotal: 1_536,
  connections: 2_048,
  connectionsPerPrincipal: 512,
  bufferedBytes: 8 * 1024 * 1024,
  stallMs: 20_000,
  receivingBytesPerPrincipal: 64 * 1024 * 1024,
  receivingBytes: 128 * 1024 * 1024,
};

/** Bytes of a request body, per route. */
export const BODY_LIMITS = {
  operation: 1024 * 1024,
  chatCompletions: 20 * 1024 * 1024,
  toolInvoke: 2 * 1024 * 1024,
} as const;
