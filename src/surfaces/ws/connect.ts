import {
  AUTH_CODES,
  type ConnectCredentials,
  type ConnectGrant,
  type DeviceProof,
} from '../../controls/auth/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import { WS_CODES } from './codes.ts';
import { type ErrorShape, isObject } from './frames.ts';

const PROTOCOL = 4;
const MINIMUM_PROBE_PROTOCOL = 3;
const MAX_FIELD_CHARS = 512;
/** A bearer token of an identity provider is longer than everything else. */
const MAX_TOKEN_CHARS = 8_192;
const MAX_LIST = 64;

type Params = Readonly<Record<string, unknown>>;

/** What `connect` says of itself (protocol a.4), checked; nothing in it proves anything by itself. */
export interface ConnectRequest {
  readonly clientId: string;
  readonly clientMode: string;
  readonly role: string;
  readonly scopes: readonly string[] | undefined;
  readonly capabilities: ReadonlySet<string>;
  readonly credentials: ConnectCredentials;
}

function wrong(name: string): never {
  throw WS_CODES.error('WS_PARAMS_INVALID', `invalid connect params: ${name}`);
}

function field(params: Params, name: string, path = name, most = MAX_FIELD_CHARS): string | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value.length > most) wrong(path);
  return value;
}

function required(params: Params, name: string, path: string): string {
  return field(params, name, path) ?? wrong(path);
}

function list(params: Params, name: string): readonly string[] | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length > MAX_LIST) wrong(name);
  return value.map((item: unknown) =>
    typeof item === 'string' && item.length <= MAX_FIELD_CHARS ? item : wrong(name),
  );
}

function integer(params: Params, name: string): number {
  const value = params[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong(name);
}

function deviceProof(value: unknown): DeviceProof | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) wrong('device');
  return {
    id: required(value, 'id', 'device.id'),
    publicKey: required(value, 'publicKey', 'device.publicKey'),
    signature: required(value, 'signature', 'device.signature'),
    signedAt: integer(value, 'signedAt'),
    nonce: field(value, 'nonce', 'device.nonce') ?? '',
  };
}

/** A node is a device; nobody becomes one, or an operator by claiming to be one, without its proof. */
function roleOf(params: Params, proof: DeviceProof | undefined): string {
  const role = field(params, 'role') ?? 'operator';
  if (role !== 'operator' && role !== 'node') wrong('role');
  if (role === 'node' && proof === undefined) {
    throw AUTH_CODES.error('AUTH_DEVICE_REQUIRED', undefined, {
      details: { openclaw: { code: 'DEVICE_IDENTITY_REQUIRED' } },
    });
  }
  return role;
}

/** @throws WS_PROTOCOL_MISMATCH, AUTH_DEVICE_REQUIRED, WS_PARAMS_INVALID naming the field */
export function parseConnect(params: Params, challenge: string): ConnectRequest {
  const minimum = integer(params, 'minProtocol');
  const maximum = integer(params, 'maxProtocol');
  if (minimum > PROTOCOL || maximum < PROTOCOL) {
    throw WS_CODES.error('WS_PROTOCOL_MISMATCH', 'protocol mismatch', {
      details: {
        openclaw: {
          code: 'PROTOCOL_MISMATCH',
          clientMinProtocol: minimum,
          clientMaxProtocol: maximum,
          expectedProtocol: PROTOCOL,
          minimumProbeProtocol: MINIMUM_PROBE_PROTOCOL,
        },
      },
    });
  }
  const client = isObject(params['client']) ? params['client'] : wrong('client');
  const auth = isObject(params['auth']) ? params['auth'] : {};
  const clientId = required(client, 'id', 'client.id');
  const clientMode = required(client, 'mode', 'client.mode');
  const proof = deviceProof(params['device']);
  const role = roleOf(params, proof);
  const scopes = list(params, 'scopes');
  return {
    clientId,
    clientMode,
    role,
    scopes,
    capabilities: new Set(list(params, 'caps') ?? []),
    credentials: {
      ...optional('token', field(auth, 'token', 'auth.token', MAX_TOKEN_CHARS)),
      ...optional('password', field(auth, 'password', 'auth.password')),
      ...optional('deviceToken', field(auth, 'deviceToken', 'auth.deviceToken')),
      ...(proof === undefined
        ? {}
        : {
            device: {
              proof,
              clientId,
              clientMode,
              role,
              scopes: scopes ?? [],
              platform: field(client, 'platform', 'client.platform') ?? '',
              deviceFamily: field(client, 'deviceFamily', 'client.deviceFamily') ?? '',
              displayName: field(client, 'displayName', 'client.displayName') ?? '',
              challenge,
            },
          }),
    },
  };
}

function optional<K extends string>(name: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: string };
}

export interface HelloFacts {
  readonly version: string;
  readonly connectionId: string;
  readonly methods: readonly string[];
  readonly events: readonly string[];
  readonly uptimeMs: number;
  readonly defaultAgent: string;
  readonly now: number;
  readonly frameBytes: number;
  readonly bufferedBytes: number;
  readonly tickMs: number;
}

/** The answer to a successful connect (protocol a.7). */
export function helloOk(grant: ConnectGrant, facts: HelloFacts) {
  const { defaultAgent } = facts;
  return {
    type: 'hello-ok',
    protocol: PROTOCOL,
    server: { version: facts.version, connId: facts.connectionId },
    features: { methods: facts.methods, events: facts.events, capabilities: ['published-model-catalog'] },
    snapshot: {
      presence: [],
      health: {},
      stateVersion: { presence: 0, health: 0 },
      uptimeMs: facts.uptimeMs,
      sessionDefaults: {
        defaultAgentId: defaultAgent,
        mainKey: 'main',
        mainSessionKey: `agent:${defaultAgent}:main`,
        scope: 'per-sender',
      },
    },
    auth: {
      role: grant.role,
      scopes: grant.scopes,
      ...(grant.deviceToken === undefined ? {} : { deviceToken: grant.deviceToken, issuedAtMs: facts.now }),
    },
    policy: {
      maxPayload: facts.frameBytes,
      maxBufferedBytes: facts.bufferedBytes,
      tickIntervalMs: facts.tickMs,
    },
  };
}

const CLOSE_REASON_BYTES = 123;

export interface ConnectRefusal {
  readonly error: ErrorShape;
  readonly closeCode: number;
  readonly closeReason: string;
}

/** A failed connect in OpenClaw's words (protocol a.9): the details that its clients act on, and the close code. */
export function connectRefusal(error: GatehouseError): ConnectRefusal {
  const known = error.details['openclaw'];
  const details = isObject(known) ? known : undefined;
  const detailCode = details?.['code'];
  const waits = detailCode === 'PAIRING_REQUIRED' || detailCode === 'DEVICE_IDENTITY_REQUIRED';
  const retry = error.details['retryAfterMs'];
  const unavailable = error.status >= 500;
  const code = waits ? 'NOT_PAIRED' : unavailable ? 'UNAVAILABLE' : 'INVALID_REQUEST';
  const requestId = details?.['requestId'];
  const reason = typeof requestId === 'string' ? `${error.message} (requestId: ${requestId})` : error.message;
  return {
    error: {
      code,
      message: error.message,
      details: { ...details, gatehouse: { code: error.code, fix: error.fix } },
      ...(typeof retry === 'number' ? { retryable: true, retryAfterMs: Math.max(0, Math.ceil(retry)) } : {}),
    },
    closeCode: error.code === 'WS_PROTOCOL_MISMATCH' ? 1002 : unavailable ? 1013 : 1008,
    closeReason: cut(reason),
  };
}

/** A close reason holds 123 bytes of UTF-8 (RFC 6455 section 5.5). */
export function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= CLOSE_REASON_BYTES) return text;
  return bytes
    .subarray(0, CLOSE_REASON_BYTES)
    .toString('utf8')
    .replace(/\uFFFD+$/u, '');
}
