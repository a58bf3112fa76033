/** Text of others as HTML shows it. */
export function escapedHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** What makes a spreadsheet take a cell for a formula (OWASP, CSV injection); full-width forms count as well. */
const FORMULA = /^[\s\u0000-\u001f]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]/;
/**
 * Where one with another separator (the semicolon of many countries) would begin a cell: it knows no quotes in the middle
 * of what it takes for one.
 */
const INNER = /([;|]["'\s]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20|%])/g;
const NUMBER = /^-?\d+(\.\d+)?$/;

/** One line of CSV (RFC 4180) whose cells no spreadsheet calculates: numbers stay, what looks like a formula is text. */
export function csvLine(cells: readonly (string | number | boolean | null)[]): string {
  return cells
    .map((cell) => {
      const raw =
        cell === null
          ? ''
          : String(cell)
              .toWellFormed()
              .replace(/[\r\n\t\u0000]+/g, ' ');
      const inner = raw.replace(INNER, "$1'");
      const text = FORMULA.test(raw) && !NUMBER.test(raw) ? `'${inner}` : inner;
      return /[",;']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}

/** Text of others as one cell of a Markdown table. */
export function markdownCell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>|#!]/g, (mark) => `\\${mark}`);
}
