import { shownLine } from '../terminal.ts';
import { beside, type View } from '../view.ts';

/** Widest cell of a table; longer text is cut with an ellipsis, `--json` has it in full. */
const MAX_CELL = 72;

export type Cell = string | number | boolean | null | undefined;

export interface Column<Row> {
  readonly title: string;
  value(row: Row): Cell;
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return shownLine(String(cell));
}

function cut(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}\u2026` : text;
}

/** Spaces between two columns. */
const GAP = 2;

/** Narrowest last column that is still worth reading beside the others. */
const MIN_LAST = 24;

/**
 * Aligned columns under dim titles; `empty` when there are no rows. On a terminal that is too narrow the last
 * column is broken into lines, and when that does not help every row becomes a block of its own.
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  view: View,
  empty: string,
): readonly string[] {
  if (rows.length === 0) return [empty];
  const titles = columns.map(({ title }) => title);
  const whole = rows.map((row) => columns.map((column) => cellText(column.value(row))));
  const cells = whole.map((line) => line.map(cut));
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0);
  const { columns: available } = view;
  const last = Math.max(...whole.map((line) => line.at(-1)?.length ?? 0));
  const tooWide = available !== undefined && before + last > available;
  if (tooWide && available - before < MIN_LAST) return blocks(titles, whole, view);
  const head = (line: readonly string[]) =>
    line
      .slice(0, -1)
      .map((cell, index) => cell.padEnd((widths[index] ?? 0) + GAP))
      .join('');
  const align = (line: readonly string[], last: string) =>
    beside(head(line), last, { indent: before, columns: tooWide ? available : undefined }).map((text) =>
      text.trimEnd(),
    );
  const body = cells.flatMap((line, row) => align(line, (tooWide ? whole : cells)[row]?.at(-1) ?? ''));
  return [...align(titles, titles.at(-1) ?? '').map((title) => view.paint('dim', title)), ...body];
}

function blocks(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  view: View,
): readonly string[] {
  return rows.flatMap((line, row) => [
    ...(row === 0 ? [] : ['']),
    ...pairs(
      titles.map((title, index) => [title, line[index]]),
      view,
    ),
  ]);
}

/** `name  value` lines with aligned values. */
export function pairs(
  entries: readonly (readonly [name: string, value: Cell])[],
  view: View,
): readonly string[] {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.flatMap(([name, value]) =>
    beside(`${view.paint('dim', name.padEnd(width))}  `, cellText(value), {
      indent: width + GAP,
      columns: view.columns,
    }),
  );
}
