import { GatehouseError } from '../../kernel/index.ts';
import { MODEL_CODES } from '../codes.ts';

/** Characters of a provider's own words that may reach an operator. */
export const MAX_PROVIDER_TEXT = 300;

/** Milliseconds of `retry-after` that are believed; a provider cannot park a turn for longer. */
export const MAX_RETRY_AFTER_MS = 60_000;

type ModelCode = keyof typeof MODEL_CODES.table;

/** What is known about a failed call, in no provider's terms. */
export interface ProviderFailure {
  readonly status?: number;
  /** The provider's own error type or code, for example `overloaded_error`. */
  readonly kind?: string;
  readonly text?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

const CONTEXT_LENGTH = /context[ _-]?(?:length|window)|prompt is too long|too many tokens|maximum context/i;
const REFUSED = /content[_ -]?(?:policy|filter)|responsibleai|safety/i;
const OVERLOADED = /overloaded|capacity/i;
const RATE_LIMIT = /rate[_ -]?limit|too many requests/i;

/** Put a failure into the MODEL_ namespace; `details.retryable` says whether the same call may work later. */
export function modelError(failure: ProviderFailure): GatehouseError {
  const code = classify(failure);
  const retryable =
    code === 'MODEL_OVERLOADED' ||
    code === 'MODEL_UNAVAILABLE' ||
    (code === 'MODEL_RATE_LIMITED' && failure.kind !== 'insufficient_quota');
  const said = safeText(failure.text ?? '');
  const summary: string = MODEL_CODES.table[code].summary;
  return MODEL_CODES.error(code, said === '' ? summary : `${summary}: ${said}`, {
    cause: failure.cause,
    details: {
      retryable,
      ...(failure.status === undefined ? {} : { providerStatus: failure.status }),
      ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    },
  });
}

function classify(failure: ProviderFailure): ModelCode {
  const { status = 0, kind = '', text = '' } = failure;
  if (status === 401 || status === 403 || /authentication|permission|invalid_api_key/.test(kind)) {
    return 'MODEL_AUTH';
  }
  if (status === 413 || (status < 500 && (CONTEXT_LENGTH.test(kind) || CONTEXT_LENGTH.test(text)))) {
    return 'MODEL_CONTEXT_LENGTH';
  }
  if (status === 429 || RATE_LIMIT.test(kind) || kind === 'insufficient_quota') return 'MODEL_RATE_LIMITED';
  if (status === 503 || status === 529 || OVERLOADED.test(kind)) return 'MODEL_OVERLOADED';
  if (status === 408 || status >= 500 || /api_error|server_error/.test(kind)) return 'MODEL_UNAVAILABLE';
  if (REFUSED.test(kind)) return 'MODEL_REFUSED';
  if (status < 400 && kind === 'network') return 'MODEL_UNAVAILABLE';
  return 'MODEL_BAD_RESPONSE';
}

/**
 * A provider's text is somebody else's: one line, bounded, without control characters, and without anything
 * that looks like a credential (attack 83: providers quote parts of the key they refuse).
 */
function safeText(text: string): string {
  const line = text
    .slice(0, MAX_PROVIDER_TEXT * 4)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .replace(/[A-Za-z0-9_*./+=-]{20,}/g, '[removed]')
    .replace(/\b(?:(?:sk|pk|gth)[-_]|Bearer )[A-Za-z0-9_*-]{6,}/g, '[removed]')
    .trim();
  return line.length > MAX_PROVIDER_TEXT ? `${line.slice(0, MAX_PROVIDER_TEXT)}…` : line;
}

/** Milliseconds a provider asks to wait (RFC 9110 section 10.2.3: seconds or a date), bounded. */
export function retryAfter(
  headers: Readonly<Record<string, string>> | undefined,
  now: number,
): number | undefined {
  const exact = Number(headers?.['retry-after-ms']);
  const raw = headers?.['retry-after'];
  if (headers?.['retry-after-ms'] !== undefined && Number.isFinite(exact)) return bounded(exact);
  if (raw === undefined) return undefined;
  const seconds = Number(raw);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(raw) - now;
  return Number.isFinite(wait) ? bounded(wait) : undefined;
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), MAX_RETRY_AFTER_MS);
}
