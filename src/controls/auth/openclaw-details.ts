/** What OpenClaw's clients read from `error.details` of a failed connect (protocol a.9). */
export type OpenClawDetails = Readonly<Record<string, unknown>>;

export interface ConnectFacts {
  readonly hasDevice: boolean;
  readonly hasDeviceToken: boolean;
  /** The secret came in the `password` field. */
  readonly byPassword: boolean;
}

/** Our code to OpenClaw's detail code and kebab reason, for failures of the device proof. */
const PROOF: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  AUTH_DEVICE_ID_MISMATCH: ['DEVICE_AUTH_DEVICE_ID_MISMATCH', 'device-id-mismatch'],
  AUTH_DEVICE_KEY_INVALID: ['DEVICE_AUTH_PUBLIC_KEY_INVALID', 'device-public-key'],
  AUTH_DEVICE_SIGNATURE_EXPIRED: ['DEVICE_AUTH_SIGNATURE_EXPIRED', 'device-signature-stale'],
  AUTH_DEVICE_NONCE_REQUIRED: ['DEVICE_AUTH_NONCE_REQUIRED', 'device-nonce-missing'],
  AUTH_DEVICE_NONCE_MISMATCH: ['DEVICE_AUTH_NONCE_MISMATCH', 'device-nonce-mismatch'],
  AUTH_DEVICE_SIGNATURE_INVALID: ['DEVICE_AUTH_SIGNATURE_INVALID', 'device-signature'],
};

function advice(code: string, authReason: string, recommendedNextStep: string): OpenClawDetails {
  return { code, authReason, canRetryWithDeviceToken: false, recommendedNextStep };
}

function tokenRefused(facts: ConnectFacts): OpenClawDetails {
  if (facts.byPassword)
    return advice('AUTH_PASSWORD_MISMATCH', 'password_mismatch', 'update_auth_credentials');
  const canRetry = facts.hasDevice && !facts.hasDeviceToken;
  return {
    code: 'AUTH_TOKEN_MISMATCH',
    authReason: 'token_mismatch',
    canRetryWithDeviceToken: canRetry,
    recommendedNextStep: canRetry ? 'retry_with_device_token' : 'update_auth_credentials',
  };
}

/** The details that OpenClaw's clients act on; undefined where they expect none. */
export function openClawDetails(code: string, facts: ConnectFacts): OpenClawDetails | undefined {
  const proof = PROOF[code];
  if (proof !== undefined) return { code: proof[0], reason: proof[1] };
  switch (code) {
    case 'AUTH_TOKEN_INVALID':
    case 'AUTH_TOKEN_EXPIRED':
    case 'AUTH_TOKEN_REVOKED':
      return tokenRefused(facts);
    case 'AUTH_TOKEN_MISSING':
      return advice('AUTH_TOKEN_MISSING', 'token_missing', 'update_auth_configuration');
    case 'AUTH_DEVICE_TOKEN_INVALID':
    case 'AUTH_DEVICE_PROOF_REQUIRED':
      return advice('AUTH_DEVICE_TOKEN_MISMATCH', 'device_token_mismatch', 'update_auth_credentials');
    case 'AUTH_DEVICE_SCOPES_EXCEEDED':
      return advice('AUTH_SCOPE_MISMATCH', 'scope_mismatch', 'review_auth_configuration');
    case 'AUTH_ADDRESS_NOT_ALLOWED':
      return advice('AUTH_UNAUTHORIZED', 'unauthorized', 'review_auth_configuration');
    case 'AUTH_RATE_LIMITED':
    case 'AUTH_PAIRING_FULL':
      return advice('AUTH_RATE_LIMITED', 'rate_limited', 'wait_then_retry');
    case 'AUTH_DEVICE_REQUIRED':
      return { code: 'DEVICE_IDENTITY_REQUIRED' };
    default:
      return undefined;
  }
}
