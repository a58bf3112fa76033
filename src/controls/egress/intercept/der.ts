/** Writes DER (X.690), as much of it as two fixed kinds of certificates need. It reads none. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag, length in the shortest form (X.690 section 10.1), content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const hex = body.length.toString(16);
  const size = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length]), size, body]);
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...content);
}

/** Context-specific and constructed: `[n] EXPLICIT`. */
export function explicit(number: number, content: Uint8Array): Buffer {
  return der(0xa0 | number, content);
}

/** Context-specific and primitive: `[n] IMPLICIT` of a string. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return der(0x80 | number, content);
}

/** An unsigned integer from its big-endian bytes. */
export function unsigned(bytes: Uint8Array): Buffer {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
  const rest = bytes.subarray(at);
  const negative = ((rest[0] ?? 0) & 0x80) !== 0;
  return der(TAG.integer, ...(negative ? [Buffer.from([0])] : []), rest);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const groups = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
  return groups;
}

export function octets(content: Uint8Array): Buffer {
  return der(TAG.octetString, content);
}

export function utf8(text: string): Buffer {
  return der(TAG.utf8, Buffer.from(text));
}

/** A bit string without unused bits unless said. */
export function bits(content: Uint8Array, unused = 0): Buffer {
  return der(TAG.bitString, Buffer.from([unused]), content);
}

export const TRUE = der(TAG.boolean, Buffer.from([0xff]));

/** Whole seconds in UTC. RFC 5280 section 4.1.2.5 wants UTCTime before 2050. */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '');
  const utcTime = 0x17;
  return digits < '2050'
    ? der(utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits));
}
