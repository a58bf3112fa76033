/** First line of every generated page. */
export const GENERATED = '<!-- Made by `npm run generate` from the sources. Do not edit. -->';

/** One line inside a table cell. */
export function cell(text: string): string {
  // Inside backticks Markdown shows what is written.
  const parts = text.replaceAll('|', '\\|').split(/(`[^`]*`)/);
  const escaped = parts.map((part, index) => (index % 2 === 1 ? part : part.replaceAll('<', '&lt;')));
  return escaped.join('').replaceAll(/\s+/g, ' ').trim();
}

export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map((row) => line(row.map(cell)))].join('\n');
}

export function page(blocks: readonly string[]): string {
  return `${[GENERATED, ...blocks].join('\n\n')}\n`;
}
