import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { finished } from 'node:stream';

/** Bytes that one encoded answer may grow to (attack 92). */
export const MAX_DECODED_BYTES = 256 * 1024 ** 2;

/** A body in plain, or why it cannot be had. */
export type Decoded =
  | { readonly kind: 'plain'; readonly body: Readable; readonly changed: boolean }
  | { readonly kind: 'unknown' };

/**
 * The plain bytes of an answer: a value inside an encoded one could not be found (attack 84). Ranges of encoded
 * bytes and lists of codings cannot be decoded and are not passed on.
 */
export async function decoded(answer: IncomingMessage, hasBody: boolean): Promise<Decoded> {
  const coding = (answer.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '' || !hasBody)
    return { kind: 'plain', body: answer, changed: false };
  if (answer.statusCode === 206) return { kind: 'unknown' };
  const decoder = await decoderOf(coding);
  if (decoder === undefined) return { kind: 'unknown' };
  answer.pipe(decoder);
  finished(answer, (error) => {
    if (error !== null && error !== undefined) decoder.destroy(error);
  });
  return { kind: 'plain', body: bounded(decoder), changed: true };
}

async function decoderOf(coding: string): Promise<Transform | undefined> {
  const zlib = await import('node:zlib');
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip();
    case 'deflate':
      return zlib.createInflate();
    case 'br':
      return zlib.createBrotliDecompress();
    case 'zstd':
      return zlib.createZstdDecompress();
    default:
      return undefined;
  }
}

function bounded(decoder: Transform): Transform {
  let size = 0;
  decoder.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_DECODED_BYTES) decoder.destroy(new RangeError('the decoded answer is too large'));
  });
  decoder.pause();
  return decoder;
}
