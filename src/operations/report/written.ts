import { csvLine, escapedHtml, markdownCell } from '../escaping.ts';
import type { Report } from './gather.ts';

export const REPORT_FORMATS = ['md', 'html', 'csv', 'json'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The report as text. Whatever stands in a cell stays in it, in each of the formats. */
export function writtenReport(report: Report, format: ReportFormat): string {
  switch (format) {
    case 'md':
      return markdown(report);
    case 'html':
      return html(report);
    case 'csv':
      return csv(report);
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
  }
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);

function subtitle({ install, from, until, complete, createdAt }: Report): string {
  const state = complete
    ? ''
    : `; the period is not over, this is up to ${new Date(createdAt).toISOString().slice(0, 16)}`;
  return `${install}, ${day(from)} to ${day(until - 1)} (UTC)${state}`;
}

function markdown(report: Report): string {
  const parts = report.sections.map(({ title, columns, rows, note }) => {
    const head = `| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`;
    const body = rows.map((row) => `| ${row.map((cell) => markdownCell(String(cell))).join(' | ')} |`);
    const table = rows.length === 0 ? 'None.' : [head, ...body].join('\n');
    return [`## ${markdownCell(title)}`, table, ...(note === '' ? [] : [note])].join('\n\n');
  });
  return `${[`# ${report.title}`, markdownCell(subtitle(report)), ...parts].join('\n\n')}\n`;
}

const STYLE = `
@page { size: A4; margin: 14mm }
body { font: 12px/1.4 system-ui, "DejaVu Sans", Arial, sans-serif; color: #1a1d21; background: #fff; margin: 0 auto; padding: 16px; max-width: 900px }
h1 { font-size: 20px; margin: 0 } h2 { font-size: 14px; margin: 18px 0 4px; break-after: avoid } p { margin: 4px 0 }
table { width: 100%; border-collapse: collapse } tr { break-inside: avoid }
th, td { text-align: left; vertical-align: top; padding: 3px 6px; border-bottom: 1px solid #d5d9de; overflow-wrap: anywhere }
th { color: #4a5158 } .number { text-align: right; font-variant-numeric: tabular-nums } .note { color: #4a5158 }
`;

/** A number, a rate or a length of time, as `section.ts` writes them. */
const AMOUNT = /^\d+(\.\d+)?( [a-z]{1,3})?$/;

function html(report: Report): string {
  const parts = report.sections.map(({ title, columns, rows, note }) => {
    // A column that holds numbers is set right as a whole, with what is said in place of a number.
    const numeric = columns.map((_name, index) => rows.some((row) => AMOUNT.test(String(row[index]))));
    const kind = (index: number): string => (numeric[index] === true ? ' class="number"' : '');
    const head = columns
      .map((name, index) => `<th scope="col"${kind(index)}>${escapedHtml(name)}</th>`)
      .join('');
    const cell = (value: string | number, index: number): string => {
      const text = typeof value === 'number' ? value.toLocaleString('en') : escapedHtml(value);
      return `<td${kind(index)}>${text}</td>`;
    };
    const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
    const table =
      rows.length === 0
        ? '<p>None.</p>'
        : `<table><thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table>`;
    const below = note === '' ? '' : `\n<p class="note">${escapedHtml(note)}</p>`;
    return `<h2>${escapedHtml(title)}</h2>\n${table}${below}`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escapedHtml(report.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapedHtml(report.title)}</h1>
<p>${escapedHtml(subtitle(report))}</p>
${parts.join('\n')}
</main>
</body>
</html>
`;
}

/** One line per value, so that a spreadsheet can turn it as it likes: section, item, measure, value. */
function csv({ sections }: Report): string {
  const lines = sections.flatMap(({ id, columns, rows }) =>
    rows.flatMap(([item = '', ...values]) =>
      values.map((value, index) => csvLine([id, item, columns[index + 1] ?? '', value])),
    ),
  );
  return [csvLine(['section', 'item', 'measure', 'value']), ...lines, ''].join('\r\n');
}
