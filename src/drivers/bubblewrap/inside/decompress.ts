import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** The body without its content coding (RFC 9110, 8.4). An unknown coding is passed through as it is. */
export function decompressed(response: IncomingMessage): Readable {
  const decoder = decoderOf(response.headers['content-encoding']);
  if (decoder === undefined) return response;
  // Errors of either side end the other, and reach whoever reads the decoder.
  return pipeline(response, decoder, () => undefined);
}

function decoderOf(coding: string | undefined) {
  switch (coding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return undefined;
  }
}
