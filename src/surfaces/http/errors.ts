import { asGatehouseError, GatehouseError } from '../../kernel/index.ts';
import { HTTP_CODES } from './codes.ts';

/** Fastify's own failures, as ours. Anything else that is not ours is an opaque internal error. */
export function asHttpError(thrown: unknown): GatehouseError {
  if (thrown instanceof GatehouseError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return HTTP_CODES.error('HTTP_BODY_TOO_LARGE');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return HTTP_CODES.error('HTTP_MEDIA_TYPE');
  if (typeof code === 'string' && code.startsWith('FST_ERR_CTP_'))
    return HTTP_CODES.error('HTTP_BODY_INVALID');
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return HTTP_CODES.error('HTTP_TARGET_INVALID');
  return asGatehouseError(thrown);
}

/** Body of a failed operation: `{ok:false,error:{code,message,fix,details?}}`. */
export function operationFailure(error: GatehouseError): { readonly ok: false; readonly error: object } {
  return { ok: false, error: error.toJSON() };
}

/** Seconds for Retry-After (RFC 9110 section 10.2.3), when the failure says how long to wait. */
export function retryAfter(error: GatehouseError): string | undefined {
  const ms = error.details['retryAfterMs'];
  return typeof ms === 'number' ? String(Math.max(1, Math.ceil(ms / 1000))) : undefined;
}

function typeOf(error: GatehouseError): string {
  if (error.code === 'LISTEN_PROXY_NOT_TRUSTED') return 'proxy_attribution_required';
  if (error.status === 401) return 'unauthorized';
  if (error.status === 403) return 'permission_error';
  if (error.status === 429) return 'rate_limited';
  if (error.status === 404) return 'not_found_error';
  return error.status >= 500 ? 'api_error' : 'invalid_request_error';
}

/** What a 401 and a lockout say does not depend on why, so that nothing is learned from them. */
function messageOf(error: GatehouseError): string {
  if (error.status === 401) return 'Unauthorized';
  if (error.code === 'AUTH_RATE_LIMITED') return 'Too many attempts, try later.';
  return error.message;
}

/** Details in the form that OpenClaw's clients know for a missing scope; other details stay inside. */
function scopeDetails(error: GatehouseError): object | undefined {
  const missing = error.details['missingScope'];
  if (typeof missing !== 'string') return undefined;
  return { code: 'MISSING_SCOPE', missingScope: missing, requiredScopes: [missing] };
}

/** Body of a failed request in the form of OpenAI's API, which OpenClaw shares (protocol d). */
export function openAiFailure(error: GatehouseError): { readonly error: object } {
  const param = error.details['param'];
  const details = scopeDetails(error);
  return {
    error: {
      message: messageOf(error),
      type: typeOf(error),
      param: typeof param === 'string' ? param : null,
      code: error.code,
      ...(details === undefined ? {} : { details }),
    },
  };
}
