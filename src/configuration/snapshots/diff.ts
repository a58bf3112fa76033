/** Lines around a change. */
const CONTEXT = 3;
/** Cells of the comparison; beyond it everything between the common ends counts as replaced. */
const MAX_CELLS = 4_000_000;

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** Lengths of the longest common subsequences of all ends of both lists. */
function commonLengths(a: readonly string[], b: readonly string[]): readonly Uint32Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    const row = rows[i];
    const below = rows[i + 1];
    if (row === undefined || below === undefined) continue;
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return rows;
}

function middleEdits(a: readonly string[], b: readonly string[]): Edit[] {
  const removed = a.map((line): Edit => ({ sign: '-', line }));
  const added = b.map((line): Edit => ({ sign: '+', line }));
  if (a.length * b.length > MAX_CELLS) return [...removed, ...added];
  const lengths = commonLengths(a, b);
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      edits.push({ sign: ' ', line: a[i] ?? '' });
      i++;
      j++;
    } else if ((lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0)) {
      edits.push({ sign: '-', line: a[i++] ?? '' });
    } else edits.push({ sign: '+', line: b[j++] ?? '' });
  }
  return [...edits, ...removed.slice(i), ...added.slice(j)];
}

function editsOf(a: readonly string[], b: readonly string[]): readonly Edit[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => ({ sign: ' ', line }));
  return [
    ...same(a.slice(0, start)),
    ...middleEdits(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(a.slice(a.length - end)),
  ];
}

/** The stretches that hold a change, each with its context, as half-open ranges of edits. */
function hunks(edits: readonly Edit[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  edits.forEach((edit, index) => {
    if (edit.sign === ' ') return;
    const from = Math.max(0, index - CONTEXT);
    const to = Math.min(edits.length, index + CONTEXT + 1);
    const last = ranges.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = to;
    else ranges.push([from, to]);
  });
  return ranges;
}

/** Unified differences of two texts as `diff -u` prints them; empty when they are equal. */
export function unifiedDiff(from: string, to: string, fromName: string, toName: string): string {
  const edits = editsOf(from.split('\n'), to.split('\n'));
  const lines: string[] = [];
  for (const [start, end] of hunks(edits)) {
    const before = edits.slice(0, start);
    const shown = edits.slice(start, end);
    const range = (sign: '+' | '-'): string => {
      const other = sign === '+' ? '-' : '+';
      const first = before.filter((edit) => edit.sign !== other).length + 1;
      return `${sign}${first},${shown.filter((edit) => edit.sign !== other).length}`;
    };
    lines.push(`@@ ${range('-')} ${range('+')} @@`, ...shown.map(({ sign, line }) => `${sign}${line}`));
  }
  return lines.length === 0 ? '' : `--- ${fromName}\n+++ ${toName}\n${lines.join('\n')}\n`;
}
