/**
 * Reads the server name from a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3). Every length is
 * checked against what is there and every list must end exactly where it says, so that no other parser can
 * read another name from the same bytes.
 */
export type Hello =
  /** `need` bytes in total are necessary before anything more can be said. */
  | { readonly state: 'more'; readonly need: number }
  | {
      readonly state: 'hello';
      readonly name: string | null;
      readonly hidden: boolean;
      readonly length: number;
    }
  | { readonly state: 'not-tls' }
  | { readonly state: 'malformed' };

const HANDSHAKE = 22;
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
/** RFC 8446 section 5.1. */
const MAX_RECORD = 16_384;
const EXTENSION_SERVER_NAME = 0;
/** encrypted_client_hello of RFC 9849, and the last name under which drafts sent the server name encrypted. */
const EXTENSIONS_HIDING_NAME = new Set([0xfe0d, 0xffce]);
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/;

class Malformed extends Error {}

/** A cursor over one length-delimited field. Reading past the end is malformed, never undefined. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new Malformed();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(size: 1 | 2): number {
    return this.take(size).readUIntBE(0, size);
  }

  /** A field preceded by its length. */
  field(size: 1 | 2): Reader {
    return new Reader(this.take(this.number(size)));
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }
}

/** Judge the first bytes of a tunnel. Never throws. */
export function readClientHello(bytes: Buffer): Hello {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return { state: 'not-tls' };
  if (bytes.length > 1 && bytes[1] !== 3) return { state: 'not-tls' };
  const fragments: Buffer[] = [];
  let collected = 0;
  let at = 0;
  for (;;) {
    if (bytes.length < at + RECORD_HEADER) return { state: 'more', need: at + RECORD_HEADER };
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3 || (bytes[at + 2] ?? 255) > 4)
      return { state: 'malformed' };
    if (length === 0 || length > MAX_RECORD) return { state: 'malformed' };
    const end = at + RECORD_HEADER + length;
    if (bytes.length < end) return { state: 'more', need: end };
    fragments.push(bytes.subarray(at + RECORD_HEADER, end));
    collected += length;
    at = end;
    if (collected < HANDSHAKE_HEADER) continue;
    const message = fragments.length === 1 ? fragments[0] : Buffer.concat(fragments);
    if (message === undefined || message[0] !== CLIENT_HELLO) return { state: 'malformed' };
    const wanted = HANDSHAKE_HEADER + message.readUIntBE(1, 3);
    // A second handshake message in the same record would be read by the server and not by us.
    if (collected > wanted) return { state: 'malformed' };
    if (collected === wanted) return readBody(message.subarray(HANDSHAKE_HEADER), at);
  }
}

function readBody(body: Buffer, length: number): Hello {
  try {
    const hello = new Reader(body);
    if (hello.number(2) >> 8 !== 3) throw new Malformed();
    hello.take(32);
    if (hello.field(1).rest().length > 32) throw new Malformed();
    const suites = hello.field(2).rest();
    if (suites.length < 2 || suites.length % 2 !== 0) throw new Malformed();
    if (hello.field(1).rest().length < 1) throw new Malformed();
    if (hello.done) return { state: 'hello', name: null, hidden: false, length };
    const extensions = hello.field(2);
    if (!hello.done) throw new Malformed();
    return { state: 'hello', ...readExtensions(extensions), length };
  } catch (thrown) {
    if (thrown instanceof Malformed) return { state: 'malformed' };
    throw thrown;
  }
}

function readExtensions(extensions: Reader): { readonly name: string | null; readonly hidden: boolean } {
  const seen = new Set<number>();
  let name: string | null = null;
  let hidden = false;
  while (!extensions.done) {
    const type = extensions.number(2);
    const body = extensions.field(2);
    if (seen.has(type)) throw new Malformed();
    seen.add(type);
    if (EXTENSIONS_HIDING_NAME.has(type)) hidden = true;
    if (type === EXTENSION_SERVER_NAME) name = readServerName(body);
  }
  return { name, hidden };
}

/** Exactly one entry of type host_name: with two, server and gate could pick different ones. */
function readServerName(body: Reader): string {
  const list = body.field(2);
  if (!body.done || list.number(1) !== 0) throw new Malformed();
  const name = list.field(2).rest().toString('latin1');
  if (!list.done || !HOST_NAME.test(name)) throw new Malformed();
  return name.toLowerCase();
}

/**
 * After HelloRetryRequest a client sends a second ClientHello in the clear (RFC 8446 section 4.1.2); it must
 * name the same host. Watches the client's bytes until the handshake is encrypted.
 */
export class SecondHelloWatch {
  readonly #accepts: (hello: Extract<Hello, { state: 'hello' }>) => boolean;
  readonly #limit: number;
  #held: Buffer = Buffer.alloc(0);
  #done = false;

  constructor(accepts: (hello: Extract<Hello, { state: 'hello' }>) => boolean, limit: number) {
    this.#accepts = accepts;
    this.#limit = limit;
  }

  /** False when the chunk completes a ClientHello that is not acceptable; that chunk must not be passed on. */
  feed(chunk: Buffer): boolean {
    if (this.#done) return true;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#skipPlainRecords();
    if (this.#held.length > this.#limit) return this.#finish(false);
    if (this.#held.length <= RECORD_HEADER || isPlainRecord(this.#held)) return true;
    if (this.#held[0] !== HANDSHAKE) return this.#finish(true);
    // Some servers skip empty handshake records; a hello behind one would go unseen.
    if (this.#held.readUInt16BE(3) === 0) return this.#finish(false);
    if (this.#held[RECORD_HEADER] !== CLIENT_HELLO) return this.#finish(true);
    const hello = readClientHello(this.#held);
    return hello.state === 'more' || this.#finish(hello.state === 'hello' && this.#accepts(hello));
  }

  #skipPlainRecords(): void {
    while (this.#held.length > RECORD_HEADER && isPlainRecord(this.#held)) {
      const end = RECORD_HEADER + this.#held.readUInt16BE(3);
      if (this.#held.length < end) return;
      this.#held = this.#held.subarray(end);
    }
  }

  #finish(verdict: boolean): boolean {
    this.#done = true;
    this.#held = Buffer.alloc(0);
    return verdict;
  }
}

function isPlainRecord(bytes: Buffer): boolean {
  return bytes[0] === CHANGE_CIPHER_SPEC || bytes[0] === ALERT;
}

/** A fatal alert in the clear, so that the client's library can say what happened (RFC 8446 section 6). */
export function tlsAlert(description: 80 | 112): Buffer {
  return Buffer.from([ALERT, 3, 1, 0, 2, 2, description]);
}
