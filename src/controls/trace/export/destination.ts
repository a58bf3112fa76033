export type ExportFormat = 'ocsf' | 'json';

interface Named {
  readonly name: string;
  readonly format: ExportFormat;
  /** Milliseconds that records may wait before somebody is told. */
  readonly lagMs: number;
}

export interface FileDestination extends Named {
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
  /** Bytes after which a new file is begun. */
  readonly maxBytes: number;
  /** Older files that are kept. */
  readonly keep: number;
}

/** Where a destination is in the network; egress decides about it like about every other. */
export interface Place {
  /** Canonical host. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Absolute path of further certificate authorities in PEM. */
  readonly ca?: string;
}

export interface SyslogDestination extends Named, Place {
  readonly kind: 'syslog';
  /** 0 to 23 (RFC 5424 section 6.2.1). */
  readonly facility: number;
}

export interface HttpDestination extends Named, Place {
  readonly kind: 'http' | 'otlp';
  /** Path of the request. */
  readonly path: string;
  /** One JSON array per request, or one JSON value per line. */
  readonly body: 'array' | 'lines';
  /** Name of the secret, and what stands before it in the Authorization header. */
  readonly token?: { readonly secret: string; readonly scheme: string };
}

/** Where records go. The process that delivers them is egress; nothing of it is in the gateway. */
export type ExportDestination = FileDestination | SyslogDestination | HttpDestination;
export type NetworkDestination = SyslogDestination | HttpDestination;
