import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Bytes of an envelope that is read: an attestation is a page, a baseline a few thousand lines. */
export const MAX_ENVELOPE_BYTES = 4 * 1024 * 1024;

/** A signed document (DSSE 1.0, the envelope of in-toto and Sigstore). */
export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export type Signature = { readonly keyId: string; readonly signature: string };

/** What is signed (DSSE 1.0, PAE): type and length stand before the payload, so that no document passes for another. */
export function preAuthentication(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Sign a document; the key stays where `sign` is. */
export async function seal(
  payloadType: string,
  document: unknown,
  sign: (bytes: Uint8Array) => Promise<Signature>,
): Promise<Envelope> {
  const payload = Buffer.from(JSON.stringify(document));
  const { keyId, signature } = await sign(preAuthentication(payloadType, payload));
  return { payloadType, payload: payload.toString('base64'), signatures: [{ keyid: keyId, sig: signature }] };
}

/** First 16 hex digits of the SHA-256 of the key's SPKI form: how a key is named in the ledger and in envelopes. */
export function keyIdOf(key: KeyObject | string): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex').slice(0, 16);
}

export type Opened =
  | { readonly ok: true; readonly keyId: string; readonly document: unknown }
  | { readonly ok: false; readonly reason: 'malformed' | 'type' | 'unknown-key' | 'signature' };

function envelopeOf(text: string): Envelope | undefined {
  if (Buffer.byteLength(text) > MAX_ENVELOPE_BYTES) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Envelope> | null;
    const { payloadType, payload, signatures } = value ?? {};
    const isWhole =
      typeof payloadType === 'string' &&
      typeof payload === 'string' &&
      Array.isArray(signatures) &&
      signatures.every((one) => typeof one?.keyid === 'string' && typeof one.sig === 'string');
    return isWhole ? { payloadType, payload, signatures } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Check an envelope and take the document out. Only keys that the caller trusts count: a key that came with the
 * document proves nothing. Ed25519 (RFC 8032).
 */
export function open(text: string, payloadType: string, keys: readonly (KeyObject | string)[]): Opened {
  const envelope = envelopeOf(text);
  if (envelope === undefined) return { ok: false, reason: 'malformed' };
  if (envelope.payloadType !== payloadType) return { ok: false, reason: 'type' };
  const payload = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthentication(payloadType, payload);
  const trusted = new Map(keys.map((key) => [keyIdOf(key), key]));
  const known = envelope.signatures.filter(({ keyid }) => trusted.has(keyid));
  if (known.length === 0) return { ok: false, reason: 'unknown-key' };
  const good = known.find(({ keyid, sig }) => {
    const key = trusted.get(keyid);
    return key !== undefined && verify(null, signed, createPublicKey(key), Buffer.from(sig, 'base64'));
  });
  if (good === undefined) return { ok: false, reason: 'signature' };
  try {
    return { ok: true, keyId: good.keyid, document: JSON.parse(payload.toString('utf8')) };
  } catch {
    return { ok: false, reason: 'malformed' };
  }
}
