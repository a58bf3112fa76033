/** One step into a value: a key or an index. */
export type Segment = string | number;

/** Longest dotted path and most steps that are read. */
export const MAX_PATH_LENGTH = 1_000;

const PLAIN = /^[A-Za-z_$][A-Za-z0-9_$-]*$/;

/** `agents.list[0].name`; keys that are not plain words stand in brackets: `channels["a.b"]`. */
export function formatPath(segments: readonly Segment[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (PLAIN.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

const STEP = /^(?:\.?([A-Za-z0-9_$*-]+)|\[([0-9]{1,6})\]|\[("(?:[^"\\]|\\.)*")\])/;

/** The steps of a path as `formatPath` writes it, or with plain dots; undefined when it is none. */
export function parsePath(text: string): readonly Segment[] | undefined {
  if (text.length > MAX_PATH_LENGTH) return undefined;
  const segments: Segment[] = [];
  let rest = text;
  while (rest !== '') {
    const match = STEP.exec(rest);
    if (match === null) return undefined;
    const [whole, word, index, quoted] = match;
    if (word !== undefined) segments.push(word);
    else if (index !== undefined) segments.push(Number(index));
    else segments.push(String(safeJson(quoted ?? '""')));
    rest = rest.slice(whole.length);
  }
  return segments;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What stands at a path, or undefined; only own keys count. */
export function valueAt(root: unknown, segments: readonly Segment[]): unknown {
  let value: unknown = root;
  for (const segment of segments) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Readonly<Record<Segment, unknown>>)[segment];
  }
  return value;
}
