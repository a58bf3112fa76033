export interface HelloShape {
  /** Server names in order; each becomes one entry of the list. Absent means no extension at all. */
  readonly names?: readonly string[];
  /** Repeat the whole extension. */
  readonly repeatExtension?: boolean;
  readonly encrypted?: boolean;
  /** Sizes of the handshake fragments, each in a record of its own; the rest goes into a last one. */
  readonly fragments?: readonly number[];
  readonly trailing?: Uint8Array;
}

function sized(size: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(size);
  head.writeUIntBE(body.length, 0, size);
  return Buffer.concat([head, body]);
}

function extension(type: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(type);
  return Buffer.concat([head, sized(2, body)]);
}

/** A ClientHello built byte by byte, so that a test can bend any part of it. */
export function clientHello(shape: HelloShape): Buffer {
  const extensions: Buffer[] = [extension(0x000b, Buffer.from([1, 0]))];
  if (shape.names !== undefined) {
    const entries = shape.names.map((name) =>
      Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name, 'latin1'))]),
    );
    const serverName = extension(0, sized(2, ...entries));
    extensions.push(serverName);
    if (shape.repeatExtension) extensions.push(serverName);
  }
  if (shape.encrypted) extensions.push(extension(0xfe0d, Buffer.alloc(32)));
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 9)),
    sized(2, Buffer.from([0x13, 0x01])),
    sized(1, Buffer.from([0])),
    sized(2, ...extensions),
  ]);
  const message = Buffer.concat([Buffer.from([1]), sized(3, body), shape.trailing ?? Buffer.alloc(0)]);
  const records: Buffer[] = [];
  let at = 0;
  for (const size of [...(shape.fragments ?? []), message.length]) {
    if (at >= message.length) break;
    records.push(Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message.subarray(at, at + size))]));
    at += size;
  }
  return Buffer.concat(records);
}
