import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { checkpointsAfter, parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts';

/** Bytes of the longest line; a checkpoint of a handful of writers takes about 500. */
export const MAX_ANCHOR_LINE_BYTES = 64 * 1024;
const CHECKPOINTS_PER_WRITE = 100;

/** One line of the anchor file: a signed checkpoint, or a line that is none. */
export interface AnchorLine {
  readonly line: number;
  readonly signed: SignedCheckpoint | undefined;
}

/**
 * Append every stored checkpoint that the anchor file does not have yet, and wait until it is on its disk. The
 * file is only ever appended to, so it may lie where nothing else is allowed.
 */
export async function extendAnchor(path: string, raw: DatabaseSync): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  try {
    let { lastId, torn } = await readEnd(file);
    for (;;) {
      const missing = checkpointsAfter(raw, lastId, CHECKPOINTS_PER_WRITE);
      const newest = missing.at(-1);
      if (newest === undefined) return;
      const lines = missing.map((checkpoint) => `${anchorText(checkpoint)}\n`).join('');
      await file.appendFile(torn ? `\n${lines}` : lines);
      await file.sync();
      lastId = newest.id;
      torn = false;
    }
  } finally {
    await file.close();
  }
}

/**
 * The anchor's lines up to `bytes`. What a crash left of a line is not one of them: it has no end, or it is the
 * beginning of the line that was written in its place.
 */
export async function* readAnchor(path: string, bytes: number): AsyncGenerator<AnchorLine> {
  let line = 0;
  let unclear: string | undefined;
  for await (const text of terminatedLines(path, bytes)) {
    if (unclear !== undefined && !text.startsWith(unclear)) yield { line, signed: undefined };
    line++;
    const signed = parseAnchorLine(text);
    unclear = signed === undefined ? text : undefined;
    if (signed !== undefined) yield { line, signed };
  }
  if (unclear !== undefined) yield { line, signed: undefined };
}

/** Lines that have an end, each cut at its bound, so that a file without line ends cannot fill memory. */
async function* terminatedLines(path: string, bytes: number): AsyncGenerator<string> {
  if (bytes === 0) return;
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8', end: bytes - 1 })) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_ANCHOR_LINE_BYTES + 1);
    yield* lines;
  }
}

function anchorText({ payload, keyId, signature }: SignedCheckpoint): string {
  return JSON.stringify({ payload, keyId, signature });
}

/** One line of an anchor; undefined for anything else. */
export function parseAnchorLine(text: string): SignedCheckpoint | undefined {
  if (text.length > MAX_ANCHOR_LINE_BYTES) return undefined;
  try {
    const { payload, keyId, signature } = JSON.parse(text) as Record<string, unknown>;
    return typeof payload === 'string' && typeof keyId === 'string' && typeof signature === 'string'
      ? { payload, keyId, signature }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The last checkpoint that the file holds, and whether its last line lacks its end. */
async function readEnd(file: FileHandle): Promise<{ lastId: number; torn: boolean }> {
  const { size } = await file.stat();
  const length = Math.min(size, 2 * MAX_ANCHOR_LINE_BYTES);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const lines = buffer.toString('utf8').split('\n');
  const torn = lines.at(-1) !== '';
  for (const text of lines.reverse()) {
    const signed = parseAnchorLine(text);
    const checkpoint = signed === undefined ? undefined : parseCheckpoint(signed.payload);
    if (checkpoint !== undefined) return { lastId: checkpoint.id, torn };
  }
  return { lastId: 0, torn };
}
