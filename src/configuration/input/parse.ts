import JSON5 from 'json5';
import type { ConfigCode } from '../codes.ts';
import type { IssueFacts } from '../issues.ts';
import { formatPath, type Segment } from '../path.ts';
import { MAX_DEPTH, type Scan, scanJson5 } from './scan.ts';

/** Largest configuration or playbook, in bytes. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

interface InputProblem {
  readonly segments: readonly Segment[];
  readonly code: ConfigCode;
  readonly facts: IssueFacts;
}

export type ParsedInput =
  | {
      readonly ok: true;
      readonly value: unknown;
      readonly scan: Scan;
      /** What is wrong although a value could be read; the rest is worth checking too. */
      readonly problems: readonly InputProblem[];
    }
  | { readonly ok: false; readonly problems: readonly InputProblem[] };

type Decoded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly InputProblem[] };

/** Bytes to text: bounded, strictly UTF-8, a byte order mark taken off, NUL refused. */
export function decodeText(bytes: Uint8Array): Decoded {
  const problem = (code: ConfigCode, message?: string): Decoded => ({
    ok: false,
    problems: [{ segments: [], code, facts: message === undefined ? {} : { message } }],
  });
  if (bytes.length > MAX_CONFIG_BYTES) return problem('CONFIG_TOO_LARGE');
  if (bytes.length >= 2 && isUtf16Mark(bytes)) {
    return problem('CONFIG_NOT_UTF8', 'the file is UTF-16 text, not UTF-8');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0')
      ? problem('CONFIG_NOT_UTF8', 'the file holds a NUL character')
      : { ok: true, text };
  } catch {
    return problem('CONFIG_NOT_UTF8');
  }
}

function isUtf16Mark(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** JSON5 bytes to a value, with what the parser would hide reported. An empty file is an empty object. */
export function parseJson5(bytes: Uint8Array): ParsedInput {
  const decoded = decodeText(bytes);
  if (!decoded.ok) return decoded;
  const { text } = decoded;
  if (text.trim() === '') return { ok: true, value: {}, scan: scanJson5('{}'), problems: [] };
  const scan = scanJson5(text);
  if (scan.tooDeep) {
    const message = `the file nests deeper than ${MAX_DEPTH} levels`;
    return { ok: false, problems: [{ segments: [], code: 'CONFIG_TOO_DEEP', facts: { message } }] };
  }
  const problems = [
    ...hidden(scan, scan.duplicates, 'CONFIG_DUPLICATE_KEY'),
    ...hidden(scan, scan.forbidden, 'CONFIG_FORBIDDEN_KEY'),
  ];
  try {
    const value: unknown = JSON5.parse(text);
    // A key that reaches the prototype must not be handed on; a repeated one is only wrong.
    return scan.forbidden.length > 0 ? { ok: false, problems } : { ok: true, value, scan, problems };
  } catch (thrown) {
    return { ok: false, problems: [...problems, syntaxProblem(thrown)] };
  }
}

function hidden(scan: Scan, paths: readonly (readonly Segment[])[], code: ConfigCode): InputProblem[] {
  return paths.map((segments) => {
    const key = String(segments.at(-1));
    const what = code === 'CONFIG_DUPLICATE_KEY' ? 'stands twice in one object' : 'is never configuration';
    const line = scan.spans.get(formatPath(segments))?.line ?? 1;
    return { segments, code, facts: { line, message: `the key ${JSON.stringify(key)} ${what}` } };
  });
}

/** The parser's own message repeats characters of the file, which may be a secret's; only the place is kept. */
function syntaxProblem(thrown: unknown): InputProblem {
  const { lineNumber, columnNumber, message } = thrown as {
    lineNumber?: number;
    columnNumber?: number;
    message?: string;
  };
  const line = lineNumber ?? 1;
  const ended = message?.includes('end of input') ?? false;
  const place = `line ${line}, column ${columnNumber ?? 1}`;
  return {
    segments: [],
    code: ended ? 'CONFIG_TRUNCATED' : 'CONFIG_SYNTAX',
    facts: {
      line,
      message: ended ? `the file ends in the middle, at ${place}` : `this is not JSON5 at ${place}`,
    },
  };
}
