import { createPublicKey, type KeyObject } from 'node:crypto';

/** Keys of one JWK set that are looked at; a set of more is refused whole. */
export const MAX_KEYS = 64;
export const MAX_KEY_ID = 256;
/** Smallest RSA modulus (NIST SP 800-131A). */
const MIN_RSA_BITS = 2_048;

export interface VerificationKey {
  readonly key: KeyObject;
  readonly kind: 'RSA' | 'P-256' | 'P-384' | 'Ed25519';
  /** The only algorithm that the provider uses it for, when it says so. */
  readonly algorithm: string | undefined;
}

export type KeySet = ReadonlyMap<string, VerificationKey>;

const KIND_OF: Readonly<Record<string, VerificationKey['kind']>> = {
  RS256: 'RSA',
  RS384: 'RSA',
  RS512: 'RSA',
  PS256: 'RSA',
  PS384: 'RSA',
  PS512: 'RSA',
  ES256: 'P-256',
  ES384: 'P-384',
  EdDSA: 'Ed25519',
};

/** Whether a key may check signatures of this algorithm: a public key is never taken for a shared secret (RFC 8725, 3.1). */
export function fits(key: VerificationKey, algorithm: string): boolean {
  return KIND_OF[algorithm] === key.kind && (key.algorithm === undefined || key.algorithm === algorithm);
}

/**
 * The usable keys of a JWK set (RFC 7517), by their id. A key that cannot be used is left out: one without an id,
 * for encryption, symmetric, private, weak or unreadable. An id that two keys share names neither of them.
 *
 * @returns undefined when it is no JWK set, or one of more than MAX_KEYS keys
 */
export function readKeySet(document: unknown): KeySet | undefined {
  const listed = isRecord(document) ? document['keys'] : undefined;
  if (!Array.isArray(listed) || listed.length > MAX_KEYS) return undefined;
  const found = new Map<string, VerificationKey>();
  const seen = new Set<string>();
  for (const item of listed as unknown[]) {
    const id = isRecord(item) ? item['kid'] : undefined;
    if (!isRecord(item) || typeof id !== 'string' || id === '' || id.length > MAX_KEY_ID) continue;
    const key = readKey(item);
    if (seen.has(id)) found.delete(id);
    else if (key !== undefined) found.set(id, key);
    seen.add(id);
  }
  return found;
}

function readKey(jwk: Readonly<Record<string, unknown>>): VerificationKey | undefined {
  const { use, key_ops: operations, alg } = jwk;
  if ('d' in jwk || 'k' in jwk) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  if (alg !== undefined && typeof alg !== 'string') return undefined;
  const kind = kindOf(jwk);
  const key = kind === undefined ? undefined : publicKey(jwk);
  if (kind === undefined || key === undefined) return undefined;
  if (kind === 'RSA' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) return undefined;
  return { kind, key, algorithm: alg };
}

function kindOf({ kty, crv }: Readonly<Record<string, unknown>>): VerificationKey['kind'] | undefined {
  if (kty === 'RSA') return 'RSA';
  if (kty === 'EC' && (crv === 'P-256' || crv === 'P-384')) return crv;
  return kty === 'OKP' && crv === 'Ed25519' ? crv : undefined;
}

/** Only the numbers of the key are handed on; whatever else the provider wrote beside them is not. */
function publicKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  const key: Record<string, string> = {};
  for (const name of ['kty', 'crv', 'n', 'e', 'x', 'y']) {
    const value = jwk[name];
    if (typeof value === 'string') key[name] = value;
  }
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
