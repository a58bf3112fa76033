export interface ListeningSocket {
  readonly pid: number;
  readonly family: 'tcp4' | 'tcp6' | 'unix';
  /** IP text, or the path of a Unix socket. */
  readonly address: string;
  readonly port: number | null;
}

export interface OutboundConnection {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
}

/** A TCP connection before it is known who opened it. */
export interface OpenConnection extends OutboundConnection {
  readonly localPort: number;
}
