import { createHash, createPublicKey, verify } from 'node:crypto';
import type { ConnectCredentials, DeviceClaim } from './types.ts';

/** How far the time in a signature may be from ours, in milliseconds. */
export const MAX_SIGNATURE_SKEW_MS = 120_000;
/** SubjectPublicKeyInfo header of a raw Ed25519 key (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_TEXT = /^[A-Za-z0-9_-]{43}$/;
const SIGNATURE_TEXT = /^[A-Za-z0-9_-]{86}$/;

export type ProofRefusal =
  | 'AUTH_DEVICE_KEY_INVALID'
  | 'AUTH_DEVICE_ID_MISMATCH'
  | 'AUTH_DEVICE_SIGNATURE_EXPIRED'
  | 'AUTH_DEVICE_NONCE_REQUIRED'
  | 'AUTH_DEVICE_NONCE_MISMATCH'
  | 'AUTH_DEVICE_SIGNATURE_INVALID';

/** The secret that a client signs: the token first, then the device token; a password is never signed. */
export function signedSecret(credentials: ConnectCredentials): string {
  return credentials.token?.trim() || credentials.deviceToken?.trim() || '';
}

function normalised(text: string): string {
  return text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function payloads(claim: DeviceClaim, secret: string): readonly string[] {
  const { proof } = claim;
  const shared = [
    proof.id,
    claim.clientId,
    claim.clientMode,
    claim.role,
    claim.scopes.join(','),
    String(proof.signedAt),
    secret,
    proof.nonce,
  ];
  const device = [normalised(claim.platform), normalised(claim.deviceFamily)];
  // The fields are joined by a bar: one inside a field would let two claims share a signature.
  if ([...shared, ...device].some((field) => field.includes('|'))) return [];
  return [['v3', ...shared, ...device].join('|'), ['v2', ...shared].join('|')];
}

/**
 * Check that the peer holds the device's key and signed this very connection, in the order that OpenClaw's
 * protocol gives: key and id, time, nonce, signature (v3, then v2 which covers no platform).
 *
 * @returns the code of the refusal, or undefined when the proof holds
 */
export function judgeProof(claim: DeviceClaim, secret: string, now: number): ProofRefusal | undefined {
  const { proof } = claim;
  if (!KEY_TEXT.test(proof.publicKey)) return 'AUTH_DEVICE_KEY_INVALID';
  const raw = Buffer.from(proof.publicKey, 'base64url');
  // The last character of the text has spare bits: only the canonical spelling names a device.
  if (raw.toString('base64url') !== proof.publicKey) return 'AUTH_DEVICE_KEY_INVALID';
  if (createHash('sha256').update(raw).digest('hex') !== proof.id) {
    return 'AUTH_DEVICE_ID_MISMATCH';
  }
  if (!(Math.abs(now - proof.signedAt) <= MAX_SIGNATURE_SKEW_MS)) {
    return 'AUTH_DEVICE_SIGNATURE_EXPIRED';
  }
  if (proof.nonce === '' || claim.challenge === '') return 'AUTH_DEVICE_NONCE_REQUIRED';
  if (proof.nonce !== claim.challenge) return 'AUTH_DEVICE_NONCE_MISMATCH';
  if (!SIGNATURE_TEXT.test(proof.signature)) return 'AUTH_DEVICE_SIGNATURE_INVALID';
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  const signature = Buffer.from(proof.signature, 'base64url');
  const holds = payloads(claim, secret).some((text) => verify(null, Buffer.from(text), key, signature));
  return holds ? undefined : 'AUTH_DEVICE_SIGNATURE_INVALID';
}
