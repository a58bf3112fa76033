import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Random } from '../../kernel/index.ts';

/** `gth_<id>_<secret>_<checksum>`: a prefix for secret scanners, 80 bits of id, 256 bits of secret, CRC-32. */
const TOKEN = /^gth_([a-z2-7]{16})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;
const ID_BYTES = 10;
const SECRET_BYTES = 32;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Longer texts cannot be a token and are not looked at. */
export const MAX_TOKEN_LENGTH = 128;

function encode(bytes: Uint8Array, alphabet: string, length: number): string {
  const base = BigInt(alphabet.length);
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < length; i++) {
    text = alphabet.charAt(Number(value % base)) + text;
    value /= base;
  }
  return text;
}

function checksum(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return encode(bytes, BASE62, 6);
}

/** A fresh token and the id that names it in lists. The text exists only in the returned value. */
export function mintToken(random: Random): { readonly id: string; readonly text: string } {
  const id = encode(random.bytes(ID_BYTES), BASE32, 16);
  const body = `gth_${id}_${encode(random.bytes(SECRET_BYTES), BASE62, 43)}`;
  return { id, text: `${body}_${checksum(body)}` };
}

/**
 * The id of a well-formed token, or undefined. The checksum is no security: it keeps typing errors and other
 * systems' secrets away from the store.
 */
export function tokenIdOf(text: string): string | undefined {
  if (text.length > MAX_TOKEN_LENGTH) return undefined;
  const parts = TOKEN.exec(text);
  if (parts === null) return undefined;
  const split = text.lastIndexOf('_');
  return checksum(text.slice(0, split)) === text.slice(split + 1) ? parts[1] : undefined;
}

const WRITTEN = /(gth_[a-z2-7]{16}_)[0-9A-Za-z]{43}_[0-9A-Za-z]{6}/g;

/** A text that others wrote, without the secret of any token in it. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(WRITTEN, '$1[removed]');
}

/** What is stored instead of the token. A fast hash is enough: there is nothing to guess in 256 random bits. */
export function tokenDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Compare two digests in constant time. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === 32 && right.length === 32 && timingSafeEqual(left, right);
}
