import { type Readable, Transform } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { FREE_BYTES, LISTEN_CODES, type Receiving } from '../../controls/listen/index.ts';
import type { RequestState } from './parts.ts';

/**
 * Large bodies count from their first byte until they are answered. It is a stream of its own, so that the refusal
 * is answered like any other; a body whose small size is announced goes past it.
 */
export function boundReceiving(app: FastifyInstance, receiving: Receiving, state: RequestState): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (coding === undefined && Number(length) <= FREE_BYTES) return payload;
    const incoming = receiving.open(state.whose(request.raw));
    reply.raw.once('close', () => incoming.done());
    return counted(payload, (bytes) => incoming.add(bytes));
  });
}

function counted(
  payload: Readable,
  add: (bytes: number) => boolean,
): Readable & { receivedEncodedLength: number } {
  const stream = Object.assign(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        stream.receivedEncodedLength += chunk.length;
        if (add(chunk.length)) done(null, chunk);
        else done(LISTEN_CODES.error('LISTEN_BUSY'));
      },
    }),
    { receivedEncodedLength: 0 },
  );
  payload.once('error', (cause) => stream.destroy(cause));
  payload.once('aborted', () => stream.destroy());
  return payload.pipe(stream);
}
