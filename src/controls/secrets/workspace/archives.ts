import { gunzipSync, inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

/**
 * What is inside a gzip or zip file, entry by entry; undefined when it is neither. Throws when it holds more than
 * `most` bytes, is encrypted or broken: what cannot be looked into is not known to be clean.
 */
export function unpacked(bytes: Buffer, most: number): readonly Buffer[] | undefined {
  if (bytes.length < 22) return undefined;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [gunzipSync(bytes, { maxOutputLength: most })];
  if (bytes.readUInt32LE(0) !== 0x04034b50) return undefined;
  return unzipped(bytes, most);
}

/** APPNOTE 6.3.10, sections 4.3.12 and 4.3.16; the directory counts, as for every program that unpacks. */
function unzipped(bytes: Buffer, most: number): readonly Buffer[] {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || bytes.readUInt32LE(end) !== END_OF_DIRECTORY)
    throw new RangeError('a zip file without a directory');
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  let left = most;
  const found: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    if (bytes.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new RangeError('a broken directory of a zip file');
    const content = entry(bytes, at, left);
    left -= content.length;
    if (left < 0) throw new RangeError('a zip file that holds too much');
    found.push(content);
    at += 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return found;
}

function entry(bytes: Buffer, at: number, left: number): Buffer {
  const method = bytes.readUInt16LE(at + 10);
  const encrypted = (bytes.readUInt16LE(at + 8) & 1) === 1;
  const local = bytes.readUInt32LE(at + 42);
  const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const data = bytes.subarray(from, from + bytes.readUInt32LE(at + 20));
  if (encrypted) throw new RangeError('an encrypted zip file');
  if (method === 0) return data;
  if (method === 8)
    return data.length === 0 ? data : inflateRawSync(data, { maxOutputLength: Math.max(1, left) });
  throw new RangeError('a zip file in another compression');
}
