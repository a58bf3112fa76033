/** Values shorter than this would mask ordinary text; they are placeholders by nature and are not hidden. */
export const MIN_REDACTED_LENGTH = 8;
const SHOWN = '[secret removed]';
const MASK = 0x2a;

/**
 * Base64 of a value depends on what stands before it, so there are three alignments; the characters at both
 * ends that mix with neighbours are left out (attack 84).
 */
function base64Forms(value: Buffer): Buffer[] {
  const forms: Buffer[] = [];
  for (let shift = 0; shift < 3; shift += 1) {
    const text = Buffer.concat([Buffer.alloc(shift), value])
      .toString('base64')
      .replace(/=+$/, '');
    const from = Math.ceil((shift * 8) / 6);
    const to = Math.floor(((shift + value.length) * 8) / 6);
    const inner = text.slice(from, to);
    forms.push(Buffer.from(inner), Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return forms;
}

const HTML_ENTITIES: readonly Readonly<Record<string, string>>[] = [
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
  { '&': '&#38;', '<': '&#60;', '>': '&#62;', '"': '&#34;', "'": '&#x27;' },
];

/** Ways in which programs write a text into something else; a value without special characters has few of them. */
function textForms(value: string): string[] {
  const percent = encodeURIComponent(value);
  const strict = percent.replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  const json = JSON.stringify(value).slice(1, -1);
  const hex = Buffer.from(value).toString('hex');
  return [
    value,
    percent,
    strict,
    ...[percent, strict].map((text) => text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())),
    percent.replaceAll('%20', '+'),
    json,
    json.replaceAll('/', '\\/'),
    value.replace(/["&'+/<=>\\]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ...HTML_ENTITIES.map((table) => value.replace(/[&<>"']/g, (one) => table[one] ?? one)),
    hex,
    hex.toUpperCase(),
  ];
}

function formsOf(value: string): Buffer[] {
  return [...textForms(value).map((text) => Buffer.from(text)), ...base64Forms(Buffer.from(value))];
}

/** Finds registered values, also base64 and percent encoded, in whatever is about to leave (K2). */
export class Redactor {
  #patterns: readonly Buffer[] = [];

  /** Replace the set of values; shorter ones than MIN_REDACTED_LENGTH are left out. */
  register(values: Iterable<string>): void {
    const unique = new Map<string, Buffer>();
    for (const value of values) {
      if (value.length < MIN_REDACTED_LENGTH) continue;
      for (const form of formsOf(value)) unique.set(form.toString('latin1'), form);
    }
    // Longer forms first, so that a form inside another one does not leave the rest of it standing.
    this.#patterns = [...unique.values()].sort((a, b) => b.length - a.length);
  }

  get empty(): boolean {
    return this.#patterns.length === 0;
  }

  redact(text: string): string {
    let clean = text;
    for (const pattern of this.#patterns) clean = clean.replaceAll(pattern.toString('utf8'), SHOWN);
    return clean;
  }

  /** Mask a stream of bytes in place, so that lengths that were announced stay true. */
  stream(): RedactingStream {
    return new RedactingStream(this.#patterns);
  }
}

/**
 * Masks values however the stream is cut. Only bytes that could be the beginning of a value are held back, so
 * an event stream is delayed by nothing else.
 */
export class RedactingStream {
  readonly #patterns: readonly Buffer[];
  readonly #firstBytes: ReadonlySet<number>;
  readonly #longest: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(patterns: readonly Buffer[]) {
    this.#patterns = patterns;
    this.#firstBytes = new Set(patterns.map((pattern) => pattern[0] ?? -1));
    this.#longest = Math.max(0, ...patterns.map((pattern) => pattern.length));
  }

  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const masked = this.#mask(bytes);
    const keep = this.#beginningAt(masked);
    this.#held = masked.subarray(keep);
    return masked.subarray(0, keep);
  }

  flush(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #mask(bytes: Buffer): Buffer {
    let masked = bytes;
    for (const pattern of this.#patterns) {
      for (let at = masked.indexOf(pattern); at >= 0; at = masked.indexOf(pattern, at + pattern.length)) {
        if (masked === bytes) masked = Buffer.from(bytes);
        masked.fill(MASK, at, at + pattern.length);
      }
    }
    return masked;
  }

  /** Where the earliest unfinished value begins; the length when there is none. */
  #beginningAt(bytes: Buffer): number {
    for (let at = Math.max(0, bytes.length - this.#longest + 1); at < bytes.length; at += 1) {
      if (!this.#firstBytes.has(bytes[at] ?? -1)) continue;
      const tail = bytes.length - at;
      const begins = this.#patterns.some(
        (pattern) => pattern.length > tail && bytes.compare(pattern, 0, tail, at, bytes.length) === 0,
      );
      if (begins) return at;
    }
    return bytes.length;
  }
}
