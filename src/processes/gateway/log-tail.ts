import { open } from 'node:fs/promises';
import type { RuntimeService } from '../../operations/services.ts';

/** Lines of a log from a byte offset; `reset` when the offset lies behind the end (the file was rotated). */
export async function tailLog(
  file: string,
  cursor: number,
  limit: number,
  maxBytes: number,
): ReturnType<RuntimeService['tailLog']> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const reset = cursor > size;
    const from = reset ? 0 : cursor;
    const buffer = Buffer.alloc(Math.min(maxBytes, size - from));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    const text = buffer.subarray(0, bytesRead).toString('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n').slice(0, -1);
    const kept = lines.slice(0, limit);
    const read = Buffer.byteLength(kept.map((line) => `${line}\n`).join(''));
    return { lines: kept, cursor: from + read, size, reset, truncated: from + read < size, file };
  } finally {
    await handle.close();
  }
}
