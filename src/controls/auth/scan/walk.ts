import { constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collector, Place } from './collector.ts';
import { Budget, Content } from './content.ts';
import type { SkipReason } from './types.ts';

const READ_BYTES = 256 * 1024;
/** `PK\5\6` 22 bytes before the end: a zip archive with something in front of it, such as a program. */
const ZIP_END = Buffer.from([0x50, 0x4b, 5, 6]);
const ZIP_END_BYTES = 22;

/** statfs(2): proc, sysfs, cgroup2, cgroup, debugfs, tracefs, securityfs, bpf, devpts, binfmt_misc, configfs, efivarfs. */
const KERNEL_FILES: readonly number[] = [
  0x9fa0, 0x62656572, 0x63677270, 0x27e0eb, 0x64626720, 0x74726163, 0x73636673, 0xcafe4a11, 0x1cd1,
  0x42494e4d, 0x62656570, 0xde5e81e4,
];

function place(file: string): Place {
  return { file, member: [] };
}

function reasonOf(cause: unknown): SkipReason {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EACCES':
    case 'EPERM':
      return 'unreadable';
    case 'ENOENT':
    case 'ENOTDIR':
      return 'vanished';
    case 'ELOOP':
      return 'link';
    case 'ENXIO':
    case 'ENODEV':
      return 'special';
    default:
      return 'failed';
  }
}

/**
 * Look through a file, or everything below a folder. A link is followed only when it was named itself. Nothing here
 * throws for what it finds: what cannot be looked at is counted with its reason.
 */
export async function scanPath(collector: Collector, given: string, signal: AbortSignal): Promise<void> {
  let path: string;
  try {
    path = await realpath(given);
  } catch (cause) {
    // A name that somebody typed and that is not there is no file that went away.
    const reason = reasonOf(cause);
    collector.skip(place(given), reason === 'vanished' ? 'failed' : reason);
    return;
  }
  await scanEntry(collector, path, { depth: 0, device: undefined, signal });
}

interface Around {
  readonly depth: number;
  /** Device of the folder above. */
  readonly device: number | undefined;
  readonly signal: AbortSignal;
}

async function scanEntry(collector: Collector, path: string, around: Around): Promise<void> {
  around.signal.throwIfAborted();
  try {
    const facts = await lstat(path);
    if (facts.isSymbolicLink()) collector.skip(place(path), 'link');
    else if (facts.isDirectory()) await scanFolder(collector, path, facts.dev, around);
    else if (facts.isFile()) await scanFile(collector, path, around.signal);
    else collector.skip(place(path), 'special');
  } catch (cause) {
    around.signal.throwIfAborted();
    collector.skip(place(path), reasonOf(cause));
  }
}

async function scanFolder(collector: Collector, path: string, device: number, around: Around): Promise<void> {
  if (around.depth > collector.bounds.folderDepth) {
    collector.skip(place(path), 'too-deep');
    return;
  }
  if (device !== around.device && KERNEL_FILES.includes((await statfs(path)).type)) {
    collector.skip(place(path), 'kernel-files');
    return;
  }
  for await (const { name } of await opendir(path)) {
    const inside = join(path, name);
    collector.named(place(inside), name);
    await scanEntry(collector, inside, { ...around, depth: around.depth + 1, device });
    collector.endFile();
  }
}

async function scanFile(collector: Collector, path: string, signal: AbortSignal): Promise<void> {
  // Not through a link that was put there meanwhile, and without waiting at a pipe that was.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) {
      collector.skip(place(path), 'special');
      return;
    }
    collector.files += 1;
    await scanHandle(collector, path, handle, { size: facts.size, signal });
  } finally {
    await handle.close();
    collector.endFile();
  }
}

async function scanHandle(
  collector: Collector,
  path: string,
  handle: FileHandle,
  { size, signal }: { readonly size: number; readonly signal: AbortSignal },
): Promise<void> {
  const { fileBytes, expandedBytes, members } = collector.bounds;
  const budget = new Budget(expandedBytes, members);
  const whole = { fd: handle.fd };
  const content = new Content(collector, budget, place(path), 0, whole);
  let at = 0;
  try {
    while (at < fileBytes) {
      signal.throwIfAborted();
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafe(Math.min(READ_BYTES, fileBytes - at)),
        0,
        undefined,
        at,
      );
      if (bytesRead === 0) break;
      at += bytesRead;
      await content.feed(buffer.subarray(0, bytesRead));
    }
    if (at >= fileBytes && (await hasMore(handle, at))) collector.skip(place(path), 'too-large');
  } finally {
    await content.end();
  }
  if (!content.isZip && (await endsAsZip(handle, size))) await content.membersOf(whole);
}

async function hasMore(handle: FileHandle, at: number): Promise<boolean> {
  return (await handle.read(Buffer.alloc(1), 0, 1, at)).bytesRead > 0;
}

async function endsAsZip(handle: FileHandle, size: number): Promise<boolean> {
  if (size < ZIP_END_BYTES) return false;
  const end = Buffer.alloc(ZIP_END.length);
  await handle.read(end, 0, end.length, size - ZIP_END_BYTES);
  return end.equals(ZIP_END);
}
