import { loadedDetector } from './detector/detector.ts';
import type { Credential, Detector } from './detector/types.ts';
import { namesCredential } from './detector/values.ts';
import { CREDENTIAL_REMOVED, hideCredentials } from './hide.ts';
import { withoutTokens } from './tokens.ts';

/** Longest word without an end that is held back as a possible credential. */
export const MAX_HELD_WORD = 4_096;
/** Longest key block that is held back; what follows one that goes on is dropped to its end. */
const MAX_HELD_KEY = 32_768;

/** Characters before what is held that tell what it is: the name of a value, the scheme of a URL. */
const CONTEXT = 256;

/** A name, and as much of a value assigned to it as is there at the end of a text. */
const OPEN_ASSIGNMENT =
  /(?<!\w)["'`]?([A-Za-z][\w.-]{2,63})["'`]?[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}("[^"\n]*|'[^'\n]*|`[^`\n]*|[^\s"'`,;]*)$/;
const OPEN_HEADER = /authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token)?\s{0,4}(\S*)$/i;
/** No credential begins like an ordinary word that could not be told from one later. */
const ORDINARY_WORD = /^["'(*_]{0,2}[A-Z]?[a-z']{0,24}[.,!?;:)"'*_]{0,3}$/;
const KEY_BEGIN = '-----BEGIN';

/**
 * Text that leaves in pieces: credentials are replaced however it is cut, and only what could still become one is
 * held back. Made for one answer or one stream of output.
 */
export class OutgoingText {
  readonly #detector: Detector;
  /** The end of what has gone out, as it was before anything was replaced. */
  #context = '';
  #held = '';
  #inKey = false;

  constructor(detector: Detector) {
    this.#detector = detector;
  }

  /** What may go out now. */
  push(piece: string): string {
    let text = this.#held + piece;
    if (this.#inKey) {
      const end = text.search(/[^A-Za-z0-9+/=\s\\]/);
      if (end < 0) {
        this.#held = '';
        return '';
      }
      this.#inKey = false;
      text = text.slice(end);
    }
    this.#held = text;
    if (this.#waits(piece)) return '';
    const found = this.#detector.find(this.#context + text);
    const shown = this.#release(this.#cut(this.#context + text, found), found);
    if (this.#held.length <= MAX_HELD_KEY) return shown;
    this.#inKey = this.#held.startsWith(KEY_BEGIN);
    return shown + this.#rest();
  }

  /** The rest, when nothing more comes. */
  flush(): string {
    const rest = this.#rest();
    this.drop();
    return rest;
  }

  /** Forget what is held back. */
  drop(): void {
    this.#context = '';
    this.#held = '';
    this.#inKey = false;
  }

  /** Give out everything that is held. */
  #rest(): string {
    const text = this.#context + this.#held;
    return this.#release(text.length, this.#detector.find(text));
  }

  /** Give out what is held up to a place in context and held text together, of which this was found in them. */
  #release(until: number, found: readonly Credential[]): string {
    const from = this.#context.length;
    const text = this.#context + this.#held;
    let shown = '';
    let at = from;
    for (const { start, end } of found) {
      if (end <= from || start >= until) continue;
      shown += text.slice(at, Math.max(at, start)) + CREDENTIAL_REMOVED;
      at = Math.max(at, end);
    }
    const to = Math.max(at, until);
    shown += text.slice(at, to);
    this.#context = text.slice(Math.max(0, to - CONTEXT), to);
    this.#held = text.slice(to);
    return shown;
  }

  /** Whether it is certain without a look that all of it still waits: looks must not grow with the square (attack 93). */
  #waits(piece: string): boolean {
    const before = this.#held.length - piece.length;
    if (before === 0) return false;
    const block = this.#held.startsWith(KEY_BEGIN) && this.#held.includes('PRIVATE KEY-----');
    if (block) return this.#held.length <= MAX_HELD_KEY && !this.#held.includes('-----END', before - 8);
    return this.#held.length <= MAX_HELD_WORD && !/\s/.test(this.#held);
  }

  /** Where that begins which must wait for more. */
  #cut(text: string, found: readonly Credential[]): number {
    const from = this.#context.length;
    const word = /\S*$/.exec(text.slice(-MAX_HELD_WORD))?.[0] ?? '';
    const tail = text.slice(Math.max(text.lastIndexOf('\n') + 1, text.length - MAX_HELD_WORD));
    const assignment = OPEN_ASSIGNMENT.exec(tail);
    const header = OPEN_HEADER.exec(tail);
    const block = text.lastIndexOf(KEY_BEGIN);
    const cuts = [
      ORDINARY_WORD.test(word) ? text.length : text.length - word.length,
      ...(assignment !== null && namesCredential(assignment[1] ?? '')
        ? [text.length - (assignment[2] ?? '').length]
        : []),
      ...(header === null ? [] : [text.length - (header[1] ?? '').length]),
      ...(block >= 0 && this.#open(text.slice(block)) ? [block] : []),
    ];
    const earliest = Math.min(...cuts);
    // One that was found across that place is held as a whole.
    const across = found.find(({ start, end }) => start < earliest && end > earliest);
    return Math.max(from, across?.start ?? earliest);
  }

  /** Whether a block that has begun is a private key without its end, as far as can be told. */
  #open(block: string): boolean {
    const first = /^-----BEGIN[A-Z0-9 ]{0,80}(-{0,5})/.exec(block);
    if (first === null) return false;
    if (first[0].length === block.length) return true;
    return /PRIVATE KEY/.test(first[0]) && !/-----END [A-Z0-9 ]{0,80}-----/.test(block);
  }
}

/** Every text of a value that is shown to people, whatever its shape. */
export function hideIn(detector: Detector, value: unknown): unknown {
  if (typeof value === 'string') return hideCredentials(detector, value);
  if (Array.isArray(value)) return value.map((item) => hideIn(detector, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideIn(detector, item)]));
}

const TOO_SHORT = 16;
/** Longest text that is remembered as clean, and how many of them: names of sessions, hosts and rules come again. */
const MAX_REMEMBERED = 256;
const MAX_CLEAN = 512;
const clean = new Set<string>();
const IDENTIFIER = /^[0-9a-f:-]{8,128}$/;

/**
 * The redactor of logs, ledger and channels: Gatehouse's tokens always; everything else that is known once a turn has
 * loaded the detector, because before that nothing of a workspace or a model can have come this far.
 */
export function withoutCredentials(text: string): string {
  if (clean.has(text)) return text;
  const untold = withoutTokens(text);
  const detector = loadedDetector();
  if (detector === undefined || untold.length < TOO_SHORT || IDENTIFIER.test(untold)) return untold;
  const hidden = hideCredentials(detector, untold);
  if (hidden === text && text.length <= MAX_REMEMBERED) {
    if (clean.size >= MAX_CLEAN) clean.clear();
    clean.add(text);
  }
  return hidden;
}
