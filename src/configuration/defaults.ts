/** What every effective configuration holds, whether the file says so or not. */
export interface ConfigDefaults {
  readonly gateway: {
    readonly port: number;
    /** `loopback` is 127.0.0.1 and ::1. */
    readonly bind: string;
    readonly allowedHosts: readonly string[];
    readonly trustedProxies: readonly string[];
    readonly allowedAddresses: readonly string[];
    /** Connections at once. */
    readonly connections: { readonly total: number; readonly perPrincipal: number };
    /** Requests per second. */
    readonly rateLimit: { readonly perAddress: number; readonly perPrincipal: number };
    readonly controlUi: { readonly allowedOrigins: readonly string[] };
    readonly http: { readonly endpoints: { readonly chatCompletions: { readonly enabled: boolean } } };
    readonly auth: {
      readonly mode: 'token' | 'trusted-proxy';
      readonly rateLimit: {
        readonly maxAttempts: number;
        readonly windowMs: number;
        readonly lockoutMs: number;
      };
    };
  };
  readonly session: { readonly dmScope: 'per-channel-peer' | 'per-account-channel-peer' };
  readonly logging: { readonly level: 'error' | 'warn' | 'info' | 'debug' };
  readonly ledger: { readonly checkpointSeconds: number; readonly checkpointRecords: number };
}

/** The one place where defaults are; the schema's own `default` notes are compared with it in a test. */
export const CONFIG_DEFAULTS: ConfigDefaults = {
  gateway: {
    port: 18_789,
    bind: 'loopback',
    allowedHosts: [],
    trustedProxies: [],
    allowedAddresses: [],
    connections: { total: 2_048, perPrincipal: 512 },
    rateLimit: { perAddress: 2_000, perPrincipal: 1_000 },
    controlUi: { allowedOrigins: [] },
    http: { endpoints: { chatCompletions: { enabled: true } } },
    auth: { mode: 'token', rateLimit: { maxAttempts: 10, windowMs: 60_000, lockoutMs: 300_000 } },
  },
  session: { dmScope: 'per-channel-peer' },
  logging: { level: 'info' },
  ledger: { checkpointSeconds: 60, checkpointRecords: 1_000 },
};
