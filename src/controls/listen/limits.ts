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
  /** All connections of one listener. */
  readonly connections: number;
  /** Bytes waiting for a slow reader after which its connection is closed. */
  readonly bufferedBytes: number;
}

export const LISTEN_LIMITS: ListenLimits = {
  headerBytes: 16 * 1024,
  headerCount: 64,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  checkIntervalMs: 5_000,
  unauthenticatedPerAddress: 64,
  unauthenticatedTotal: 256,
  connections: 1_024,
  bufferedBytes: 8 * 1024 * 1024,
};

/** Bytes of a request body, per route. */
export const BODY_LIMITS = {
  operation: 1024 * 1024,
  chatCompletions: 20 * 1024 * 1024,
  toolInvoke: 2 * 1024 * 1024,
} as const;
