import { type Paint, shownLine } from '../terminal.ts';

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

/** Aligned columns under dim titles; `empty` when there are no rows. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  paint: Paint,
  empty: string,
): readonly string[] {
  if (rows.length === 0) return [empty];
  const cells = rows.map((row) => columns.map((column) => cut(cellText(column.value(row)))));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const align = (line: readonly string[]) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [paint('dim', align(titles)), ...cells.map(align)];
}

/** `name  value` lines with aligned values. */
export function pairs(
  entries: readonly (readonly [name: string, value: Cell])[],
  paint: Paint,
): readonly string[] {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${paint('dim', name.padEnd(width))}  ${cellText(value)}`);
}
