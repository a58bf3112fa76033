import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { GatehouseError } from '../../kernel/index.ts';
import { BACKUP_CODES } from './codes.ts';
import { TAR_END, TarReader, tarHeader, tarPadding } from './container.ts';
import { type BackupFile, type BackupManifest, MANIFEST_NAME } from './manifest.ts';

/** Bytes of the signed list. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Bytes of the header of an age file: a line and a stanza per recipient. */
const MAX_AGE_HEADER_BYTES = 64 * 1024;

export interface SealOrder {
  /** Folder that holds the files by their names in the backup. */
  readonly folder: string;
  readonly files: readonly BackupFile[];
  /** The manifest under its signature. */
  readonly envelope: string;
  readonly recipients: readonly string[];
  /** File to write; it appears whole or not at all. */
  readonly target: string;
}

export interface Sealed {
  readonly bytes: number;
  readonly sha256: string;
}

/** Whether these are public keys of age, by their checksums. @throws BACKUP_RECIPIENT_INVALID */
export async function encrypterFor(recipients: readonly string[]) {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw BACKUP_CODES.error('BACKUP_RECIPIENT_INVALID', undefined, { cause });
    }
  }
  return encrypter;
}

async function* archived({ folder, files, envelope }: SealOrder): AsyncGenerator<Uint8Array> {
  const manifest = Buffer.from(envelope);
  yield tarHeader(MANIFEST_NAME, manifest.length);
  yield manifest;
  yield tarPadding(manifest.length);
  for (const { path, size } of files) {
    yield tarHeader(path, size);
    yield* createReadStream(join(folder, path));
    yield tarPadding(size);
  }
  yield TAR_END;
}

/** Pack, compress and encrypt into a file that is durable, and whole, when this resolves. */
export async function sealArchive(order: SealOrder): Promise<Sealed> {
  const encrypter = await encrypterFor(order.recipients);
  const packed = Readable.from(archived(order)).pipe(createGzip({ level: 3 }));
  const encrypted = await encrypter.encrypt(Readable.toWeb(packed) as never);
  const hash = createHash('sha256');
  let bytes = 0;
  const partial = `${order.target}.partial`;
  try {
    await pipeline(
      Readable.fromWeb(encrypted as unknown as ReadableStream),
      async function* count(chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(partial, order.target);
    await syncFolder(dirname(order.target));
  } catch (cause) {
    await rm(partial, { force: true });
    throw cause;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export interface OpenOrder {
  readonly file: string;
  /** Private keys of age, AGE-SECRET-KEY-... */
  readonly identities: readonly string[];
  /** Judge the signed list before anything else is read. @throws BACKUP_NOT_AUTHENTIC and others */
  readonly judge: (envelope: string) => BackupManifest;
  /** Where the files go; undefined to read and compare only. */
  readonly folder: string | undefined;
  /** Bytes that all files together may have. */
  readonly maxBytes: number;
}

/**
 * Decrypt and read a backup that may come from an attacker: who made it is judged before anything is unpacked, the
 * names, sizes, order and digests are those of the signed list, and nothing but plain files is accepted.
 *
 * @throws BACKUP_UNREADABLE, BACKUP_WRONG_KEY, BACKUP_NOT_AUTHENTIC, BACKUP_CONTENT_INVALID, BACKUP_TOO_LARGE
 */
export async function openArchive(order: OpenOrder): Promise<BackupManifest> {
  await refuseLongHeader(order.file);
  const source = createReadStream(order.file);
  const gunzip = createGunzip();
  try {
    const plain = await decrypted(source, order.identities);
    const broken = pipeline(plain, gunzip).catch(() => undefined);
    const manifest = await unpack(new TarReader(gunzip), order);
    await broken;
    return manifest;
  } catch (thrown) {
    if (thrown instanceof GatehouseError || isDiskError(thrown)) throw thrown;
    throw BACKUP_CODES.error('BACKUP_UNREADABLE', undefined, { cause: thrown });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

function isDiskError(thrown: unknown): boolean {
  const { code } = thrown as NodeJS.ErrnoException;
  return ['ENOSPC', 'EROFS', 'EACCES', 'EIO', 'EDQUOT'].includes(code ?? '');
}

/** The library reads a header of any length into memory; ours has a few lines. */
async function refuseLongHeader(path: string): Promise<void> {
  let head: string;
  try {
    // Anything but a file may have no end, or never begin.
    if (!(await stat(path)).isFile()) throw new Error('not a regular file');
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(MAX_AGE_HEADER_BYTES),
      0,
      MAX_AGE_HEADER_BYTES,
      0,
    );
    head = buffer.toString('latin1', 0, bytesRead);
  } catch (cause) {
    throw BACKUP_CODES.error('BACKUP_UNREADABLE', 'the file cannot be read', { cause });
  }
  if (!head.startsWith('age-encryption.org/v1\n') || !head.includes('\n--- '))
    throw BACKUP_CODES.error('BACKUP_UNREADABLE');
}

async function decrypted(source: Readable, identities: readonly string[]): Promise<Readable> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch (cause) {
      throw BACKUP_CODES.error('BACKUP_IDENTITY_UNREADABLE', undefined, { cause });
    }
  }
  try {
    const stream = await decrypter.decrypt(Readable.toWeb(source) as never);
    return Readable.fromWeb(stream as unknown as ReadableStream);
  } catch (cause) {
    const unknown = cause instanceof Error && cause.message.startsWith('no identity matched');
    throw BACKUP_CODES.error(unknown ? 'BACKUP_WRONG_KEY' : 'BACKUP_UNREADABLE', undefined, { cause });
  }
}

async function unpack(reader: TarReader, order: OpenOrder): Promise<BackupManifest> {
  const first = await reader.entry();
  if (first?.name !== MANIFEST_NAME || first.size > MAX_MANIFEST_BYTES)
    throw invalid('it has no signed list');
  const pieces: Buffer[] = [];
  for await (const piece of reader.content(first.size)) pieces.push(piece);
  const manifest = order.judge(Buffer.concat(pieces).toString('utf8'));
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
  if (total > order.maxBytes) throw BACKUP_CODES.error('BACKUP_TOO_LARGE');
  for (const file of manifest.files) await unpackFile(reader, file, order.folder);
  if ((await reader.entry()) !== undefined) throw invalid('it holds more than its signed list says');
  await reader.end();
  return manifest;
}

async function unpackFile(reader: TarReader, file: BackupFile, folder: string | undefined): Promise<void> {
  const entry = await reader.entry();
  if (entry?.name !== file.path || entry.size !== file.size)
    throw invalid(`where ${file.path} should be there is something else`);
  const hash = createHash('sha256');
  const hashed = async function* hashed() {
    for await (const piece of reader.content(file.size)) {
      hash.update(piece);
      yield piece;
    }
  };
  if (folder === undefined) for await (const _ of hashed());
  else {
    const target = join(folder, file.path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await pipeline(hashed(), createWriteStream(target, { flags: 'wx', mode: 0o600, flush: true }));
  }
  if (hash.digest('hex') !== file.sha256) throw invalid(`${file.path} is not what the signed list says`);
}

function invalid(why: string): Error {
  return BACKUP_CODES.error('BACKUP_CONTENT_INVALID', why);
}
