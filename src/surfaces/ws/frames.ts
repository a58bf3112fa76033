import { GatehouseError } from '../../kernel/index.ts';
import { WS_CODES } from './codes.ts';

/** A request frame of OpenClaw's protocol (section a.2), with `params` always an object. */
export interface RequestFrame {
  readonly id: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface ErrorShape {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

const MAX_ID_CHARS = 256;
const MAX_METHOD_CHARS = 128;

/** Whether a decoded value is a plain object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export type ParsedFrame =
  | { readonly kind: 'request'; readonly frame: RequestFrame }
  /** Not JSON at all. */
  | { readonly kind: 'garbage' }
  /** JSON, but not a request; `id` when one could be read, so that it can be answered. */
  | { readonly kind: 'malformed'; readonly id?: string };

export function parseFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'garbage' };
  }
  if (!isObject(value)) return { kind: 'malformed' };
  const { id, method, params, type } = value;
  const usableId = typeof id === 'string' && id.length > 0 && id.length <= MAX_ID_CHARS ? id : undefined;
  const named = typeof method === 'string' && method.length > 0 && method.length <= MAX_METHOD_CHARS;
  const shaped = params === undefined || params === null || isObject(params);
  if (type !== 'req' || usableId === undefined || !named || !shaped) {
    return usableId === undefined ? { kind: 'malformed' } : { kind: 'malformed', id: usableId };
  }
  return { kind: 'request', frame: { id: usableId, method, params: params ?? {} } };
}

/** Codes of ours that OpenClaw's clients know under `UNAVAILABLE`. */
function isUnavailable(error: GatehouseError): boolean {
  return error.status >= 500 || error.status === 429 || error.status === 408;
}

/**
 * A failure in the protocol's words. OpenClaw has few codes; ours travels in `details.gatehouse`, with the fix.
 */
export function errorShape(error: GatehouseError, method: string): ErrorShape {
  const gatehouse = { code: error.code, fix: error.fix };
  if (error.code === 'AUTH_SCOPE_MISSING') {
    // A published form without room for more: clients compare these fields to ask for the scope.
    const missingScope = String(error.details['missingScope'] ?? 'operator.admin');
    return {
      code: 'FORBIDDEN',
      message: `missing scope: ${missingScope}`,
      details: { code: 'MISSING_SCOPE', missingScope, requiredScopes: [missingScope] },
    };
  }
  if (error.code === 'OP_INPUT_INVALID' || error.code === WS_CODES.error('WS_PARAMS_INVALID').code) {
    return {
      code: 'INVALID_REQUEST',
      message: `invalid ${method} params: ${reasonOf(error)}`,
      details: { gatehouse },
    };
  }
  const code = error.status === 403 ? 'FORBIDDEN' : isUnavailable(error) ? 'UNAVAILABLE' : 'INVALID_REQUEST';
  const retry = error.details['retryAfterMs'];
  return {
    code,
    message: error.message,
    details: { ...error.details, gatehouse },
    ...(typeof retry === 'number' ? { retryable: true, retryAfterMs: Math.max(0, Math.ceil(retry)) } : {}),
  };
}

function reasonOf(error: GatehouseError): string {
  const issues = error.details['issues'];
  if (!Array.isArray(issues) || issues.length === 0) return error.message;
  return issues
    .map((issue: unknown) => (isObject(issue) ? `${String(issue['path'])}: ${String(issue['problem'])}` : ''))
    .join('; ');
}
