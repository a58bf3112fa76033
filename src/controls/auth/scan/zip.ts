import type { Entry, ZipFile } from 'yauzl';

/** A zip archive lists its members at its end. */
export type ZipSource = { readonly buffer: Buffer } | { readonly fd: number };

export interface ZipMember {
  readonly name: string;
  readonly isEncrypted: boolean;
  /** Stored or deflated: what can be read. */
  readonly isPacked: boolean;
  open(): Promise<AsyncIterable<Buffer>>;
}

const STORED = 0;
const DEFLATED = 8;
const MAX_NAME_CHARS = 4_096;

/** Members in the order of the archive's list. @throws when the archive is damaged */
export async function* readZip(source: ZipSource): AsyncGenerator<ZipMember> {
  const { fromBufferPromise, fromFdPromise, getFileNameLowLevel } = await import('yauzl');
  // Names are only shown, so none of them is a reason to stop reading.
  const options = { decodeStrings: false, validateEntrySizes: true, autoClose: false };
  const zip: ZipFile =
    'fd' in source
      ? await fromFdPromise(source.fd, options)
      : await fromBufferPromise(source.buffer, options);
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
    const { generalPurposeBitFlag, fileNameRaw, extraFields, compressionMethod } = entry;
    const name = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
    yield {
      name: name.slice(0, MAX_NAME_CHARS),
      isEncrypted: entry.isEncrypted(),
      isPacked: compressionMethod === STORED || compressionMethod === DEFLATED,
      open: () => zip.openReadStreamPromise(entry),
    };
  }
}
