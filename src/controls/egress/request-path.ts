import type { Judged } from './host.ts';

/** A segment as it may stand in a rule or a request: RFC 3986 pchar without `;`, percent-escapes judged apart. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*$/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
/** RFC 3986 section 2.3: these are never escaped in canonical form, so an escaped one hides something. */
const UNRESERVED = /[A-Za-z0-9._~-]/;
/** Servers decode these at different moments: `/`, `\`, `%`, `;`, `?`, `#` (attack 33). */
const STRUCTURAL = new Set(['/', '\\', '%', ';', '?', '#']);

function refuse(message: string): Judged<never> {
  return { ok: false, code: 'EGRESS_PATH_AMBIGUOUS', message };
}

function escapesProblem(segment: string): string | undefined {
  for (const [, digits = ''] of segment.matchAll(ESCAPE)) {
    const byte = Number.parseInt(digits, 16);
    const character = String.fromCharCode(byte);
    if (byte < 0x20 || byte === 0x7f) return 'the path holds an escaped control character';
    if (STRUCTURAL.has(character)) return `the path holds an escaped ${JSON.stringify(character)}`;
    if (UNRESERVED.test(character)) return 'the path escapes a character that needs none';
  }
  try {
    // Overlong and broken UTF-8 is read differently by every decoder.
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(decodeBytes(segment), 'latin1'));
  } catch {
    return 'the path holds escapes that are not UTF-8';
  }
  return undefined;
}

function decodeBytes(segment: string): string {
  return segment.replace(ESCAPE, (_escape, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** The text that is compared: escapes that are allowed at all, in upper case. */
function canonicalSegment(segment: string): string {
  return segment.replace(ESCAPE, (escape) => escape.toUpperCase());
}

/**
 * Split a request target into segments, refusing everything that two programs could read as different paths
 * (attack 33): dot segments, empty segments, matrix parameters, escaped separators, double encoding.
 */
export function judgePath(target: string): Judged<{ readonly segments: readonly string[] }> {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (!path.startsWith('/')) return refuse('the path does not begin with a slash');
  const segments = path.slice(1).split('/');
  for (const [at, segment] of segments.entries()) {
    if (!SEGMENT.test(segment))
      return refuse('the path holds a character that has another meaning elsewhere');
    if (segment === '.' || segment === '..') return refuse('the path holds a dot segment');
    if (segment === '' && at < segments.length - 1) return refuse('the path holds an empty segment');
    const problem = escapesProblem(segment);
    if (problem !== undefined) return refuse(problem);
  }
  return { ok: true, segments: segments.map(canonicalSegment) };
}

/** A `paths` entry of a rule, split once. */
export interface PathPattern {
  /** `undefined` stands for any one segment. */
  readonly segments: readonly (string | undefined)[];
  /** Everything below counts too. */
  readonly below: boolean;
}

/** The pattern of a rule's path; undefined when it is none. */
export function parsePathPattern(text: string): PathPattern | undefined {
  const below = text.endsWith('/**');
  const rest = below ? text.slice(0, -3) : text;
  if (rest === '') return below ? { segments: [], below } : undefined;
  if (!rest.startsWith('/') || rest.includes('?')) return undefined;
  const judged = judgePath(rest);
  if (!judged.ok) return undefined;
  const { segments } = judged;
  // A star inside a segment would look like a pattern and be a literal.
  if (segments.some((segment) => segment.includes('*') && segment !== '*')) return undefined;
  if (below && segments.at(-1) === '') return undefined;
  return { segments: segments.map((segment) => (segment === '*' ? undefined : segment)), below };
}

/** `/a/**` is `/a`, `/a/` and everything below. */
export function pathMatches({ segments, below }: PathPattern, path: readonly string[]): boolean {
  if (below ? path.length < segments.length : path.length !== segments.length) return false;
  return segments.every((wanted, at) => (wanted === undefined ? path[at] !== '' : wanted === path[at]));
}
