import type { Duplex } from 'node:stream';

/** Header of the largest frame, with its mask (RFC 6455 section 5.2). */
const FRAME_HEADER_BYTES = 14;

/**
 * Counts the bytes of a stranger, so that it cannot make us hold a large frame (L5). Past the limit nothing more
 * is parsed: what still comes is read and thrown away, so that the close frame is not lost to a TCP reset.
 *
 * @returns stops counting, for a client that is known
 */
export function boundPreAuthBytes(socket: Duplex, limit: number, exceeded: () => void): () => void {
  let received = 0;
  const count = (chunk: Buffer) => {
    received += chunk.length;
    if (received <= limit + FRAME_HEADER_BYTES) return;
    socket.removeAllListeners('data');
    socket.resume();
    exceeded();
  };
  socket.on('data', count);
  return () => socket.off('data', count);
}
