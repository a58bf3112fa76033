import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import {
  bits,
  der,
  explicit,
  implicit,
  octets,
  oid,
  sequence,
  TAG,
  TRUE,
  time,
  unsigned,
  utf8,
} from './der.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const ORGANISATION = '2.5.4.10';
const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
/** RFC 5280 section 4.2.1.3, first bit on the left. */
const KEY_CERT_SIGN = { bit: 0x04, unused: 2 } as const;
const DIGITAL_SIGNATURE = { bit: 0x80, unused: 7 } as const;
/** RFC 5280 section 4.1.2.2: positive, at most 20 octets; 127 random bits. */
const SERIAL_BYTES = 16;
/** RFC 5280 appendix A.1, ub-common-name. */
const MAX_COMMON_NAME = 64;

export interface Validity {
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
}

export interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

type Usage = { readonly bit: number; readonly unused: number };

function nameOf(commonName: string): Buffer {
  const attribute = (type: string, value: string) => der(TAG.set, sequence(oid(type), utf8(value)));
  return sequence(attribute(ORGANISATION, 'Gatehouse'), attribute(COMMON_NAME, commonName));
}

function spkiOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** RFC 7093 section 2: the first 160 bits of the SHA-256 of the key. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20);
}

function extension(type: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [TRUE] : []), octets(value));
}

function usage({ bit, unused }: Usage): Buffer {
  return extension(EXTENSION.keyUsage, bits(Buffer.from([bit]), unused), true);
}

function serial(): Buffer {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return unsigned(bytes);
}

function signed(
  issuer: Issuer,
  subject: string,
  key: KeyObject,
  validity: Validity,
  extensions: Buffer,
): string {
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const version3 = explicit(0, unsigned(Buffer.from([2])));
  const body = sequence(
    version3,
    serial(),
    algorithm,
    nameOf(issuer.name),
    sequence(time(validity.from), time(validity.to)),
    nameOf(subject),
    spkiOf(key),
    explicit(3, extensions),
  );
  const whole = sequence(body, algorithm, bits(sign('sha256', body, issuer.key)));
  const lines = whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** A self-signed authority that signs end certificates and nothing else: path length 0 (RFC 5280 section 4.2.1.9). */
export function authorityCertificate({ name, key }: Issuer, validity: Validity): string {
  const extensions = sequence(
    extension(EXTENSION.basicConstraints, sequence(TRUE, unsigned(Buffer.from([0]))), true),
    usage(KEY_CERT_SIGN),
    extension(EXTENSION.subjectKeyId, octets(keyId(key))),
  );
  return signed({ name, key }, name, key, validity, extensions);
}

/** A server's certificate for exactly one name or address. */
export function hostCertificate(issuer: Issuer, host: string, key: KeyObject, validity: Validity): string {
  const extensions = sequence(
    extension(EXTENSION.basicConstraints, sequence(), true),
    usage(DIGITAL_SIGNATURE),
    extension(EXTENSION.extendedKeyUsage, sequence(oid(SERVER_AUTH))),
    extension(EXTENSION.subjectAltName, sequence(alternativeName(host))),
    extension(EXTENSION.subjectKeyId, octets(keyId(key))),
    extension(EXTENSION.authorityKeyId, sequence(implicit(0, keyId(issuer.key)))),
  );
  return signed(issuer, host.slice(0, MAX_COMMON_NAME), key, validity, extensions);
}

const DNS_NAME = 2;
const IP_ADDRESS = 7;

function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return implicit(IP_ADDRESS, Buffer.from(host.split('.').map(Number)));
  if (isIPv6(host)) return implicit(IP_ADDRESS, addressBytes(host));
  return implicit(DNS_NAME, Buffer.from(host, 'ascii'));
}

/** Sixteen bytes of a canonical IPv6 address (RFC 5952). */
function addressBytes(host: string): Buffer {
  const [left = '', right] = host.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
