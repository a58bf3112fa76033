import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import type { Credential, Detector } from '../detector/types.ts';
import { unpacked } from './archives.ts';
import type { MaskLimits } from './limits.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;
/** As long as the longest credential, so that one across two chunks is seen whole in the second. */
const OVERLAP_BYTES = 40_000;
const SNIFF_BYTES = 8_192;

/**
 * `masked`: a copy with placeholders stands in for it. `closed`: no run reads it, because it holds credentials that
 * cannot be replaced there, or cannot be looked into.
 */
export type Verdict = 'clean' | 'masked' | 'closed';

/** Folders that package managers fill from public places: keys and passwords there are their tests' own. */
const DEPENDENCIES =
  /(?:^|\/)(?:node_modules|site-packages|dist-packages|\.venv|\.cargo\/registry|go\/pkg\/mod)\//;
const SHIPPED_WITH_TESTS: ReadonlySet<string> = new Set([
  'private-key',
  'assignment',
  'url-password',
  'authorization',
  'jwt',
  'gcp',
]);

/** An open file that is certain to be the one of that path: no link anywhere in it (attack 65). The caller closes it. */
export function openExactly(path: string, flags = constants.O_RDONLY): number | undefined {
  let fd: number;
  try {
    // A FIFO put there in the meantime must not block.
    fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) === path) return fd;
  } catch {
    // Without /proc nothing is certain, and so nothing is open.
  }
  closeSync(fd);
  return undefined;
}

/** Everything of an open file as bytes. */
export function readAll(fd: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const got = readSync(fd, bytes, length, size - length, length);
    if (got === 0) break;
    length += got;
  }
  return bytes.subarray(0, length);
}

/** Bytes and characters are one and the same here: every rule is about ASCII, and nothing is changed beside it. */
export const asText = (bytes: Buffer): string => bytes.toString('latin1');
export const asBytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Credentials of a file's text that count in a file of that path. */
export function credentialsIn(detector: Detector, text: string, path: string): readonly Credential[] {
  const found = detector.find(text, path);
  if (found.length === 0 || !DEPENDENCIES.test(path)) return found;
  return found.filter(({ rule }) => !SHIPPED_WITH_TESTS.has(rule));
}

export const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, SNIFF_BYTES).includes(0);

/** What a run may see of a file. */
export function judgeFile(detector: Detector, limits: MaskLimits, path: string, facts: Stats): Verdict {
  if (facts.size < 4) return 'clean';
  const fd = openExactly(path);
  // It was exchanged, or cannot be read here while a run could make it readable: the next look may judge better.
  if (fd === undefined) return existsSync(path) ? 'closed' : 'clean';
  try {
    const opened = fstatSync(fd);
    if (opened.ino !== facts.ino || opened.dev !== facts.dev) return 'closed';
    if (isGitObject(path, readAll(fd, 4))) return 'clean';
    if (opened.size > limits.scannedBytes) return 'closed';
    if (opened.size > limits.maskedBytes)
      return inChunks(detector, fd, path, opened.size) ? 'closed' : 'clean';
    return judgeBytes(detector, limits, readAll(fd, opened.size), path);
  } finally {
    closeSync(fd);
  }
}

/** As `judgeFile`, for what a file of that path would hold. */
export function judgeBytes(detector: Detector, limits: MaskLimits, bytes: Buffer, path: string): Verdict {
  if (isGitObject(path, bytes.subarray(0, 4))) return 'clean';
  const plain = credentialsIn(detector, asText(bytes), path).length > 0;
  let inside: readonly Buffer[] | undefined;
  try {
    inside = unpacked(bytes, limits.unpackedBytes);
  } catch {
    return 'closed';
  }
  // A few bytes make an archive or UTF-16 of any text: what it says as it lies there counts as well.
  if (inside !== undefined)
    return plain || inside.some((part) => credentialsIn(detector, asText(part), path).length > 0)
      ? 'closed'
      : 'clean';
  if (isUtf16(bytes) && credentialsIn(detector, bytes.toString('utf16le'), path).length > 0) return 'closed';
  return plain ? 'masked' : 'clean';
}

/** Below a folder of git's objects, which are compressed and named by what is inside. */
const GIT_OBJECTS = /\/\.git\/objects\//;
/** How packs, their indexes and what git keeps beside them begin (gitformat-pack, gitformat-commit-graph). */
const GIT_MAGIC: ReadonlySet<string> = new Set(['PACK', '\xfftOc', 'MIDX', 'RIDX', 'BITM', 'MTME', 'CGPH']);

/**
 * What git itself wrote there cannot be masked (see SECURITY.md). Its folder alone excuses nothing: a run can give any
 * folder that name, and move a file with credentials into it.
 */
export function isGitObject(path: string, head: Buffer): boolean {
  if (!GIT_OBJECTS.test(path) || head.length < 4) return false;
  // RFC 1950 section 2.2: deflate, and a header that is a multiple of 31.
  const isZlib = ((head[0] ?? 0) & 0x0f) === 8 && head.readUInt16BE(0) % 31 === 0;
  return isZlib || GIT_MAGIC.has(head.toString('latin1', 0, 4));
}

const isUtf16 = (bytes: Buffer): boolean => bytes[0] === 0xff && bytes[1] === 0xfe;

function inChunks(detector: Detector, fd: number, path: string, size: number): boolean {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; at < size; at += CHUNK_BYTES - OVERLAP_BYTES) {
    const length = readSync(fd, buffer, 0, CHUNK_BYTES, at);
    if (length === 0) return false;
    if (credentialsIn(detector, asText(buffer.subarray(0, length)), path).length > 0) return true;
  }
  return false;
}
