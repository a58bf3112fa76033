import { escapedHtml as escaped } from '../escaping.ts';
import type { AttestationPage } from './page.ts';

const STYLE = `
@page { size: A4; margin: 12mm }
* { box-sizing: border-box }
body { font: 9.5px/1.35 system-ui, "DejaVu Sans", Arial, sans-serif; color: #1a1d21; background: #fff; margin: 0 auto; padding: 16px; max-width: 794px }
h1 { font-size: 18px; margin: 0 }
h2 { font-size: 11px; margin: 12px 0 4px }
p { margin: 2px 0 }
.verdict { margin: 8px 0; padding: 6px 10px; border-left: 5px solid; font-size: 11px; font-weight: 600 }
.holds { border-color: #1d6f42; background: #e8f4ec } .fails { border-color: #a4262c; background: #fbeaea }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
th, td { text-align: left; vertical-align: top; padding: 2px 5px; border-bottom: 1px solid #d5d9de; overflow-wrap: anywhere }
th { font-weight: 600; color: #4a5158 }
td.yes { color: #1d6f42; font-weight: 600 } td.no { color: #a4262c; font-weight: 700 }
footer { margin-top: 10px; color: #4a5158; overflow-wrap: anywhere }
`;

function cell(text: string, isVerdict: boolean): string {
  return isVerdict
    ? `<td class="${text === 'yes' ? 'yes' : 'no'}">${escaped(text)}</td>`
    : `<td>${escaped(text)}</td>`;
}

function tableHtml({
  title,
  columns,
  widths,
  rows,
  verdictColumn,
}: AttestationPage['tables'][number]): string {
  const total = widths.reduce((sum, width) => sum + width, 0);
  const cols = widths.map((width) => `<col style="width:${((width / total) * 100).toFixed(1)}%">`).join('');
  const head = columns.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((text, n) => cell(text, n === verdictColumn)).join('')}</tr>`)
    .join('\n');
  return `<h2>${escaped(title)}</h2>\n<table><colgroup>${cols}</colgroup><thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table>`;
}

/** One page of HTML without script and without anything from elsewhere; every text of others is escaped. */
export function attestationHtml(page: AttestationPage): string {
  const { title, subtitle, verdict, tables, foot } = page;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(subtitle)}</p>
<p class="verdict ${verdict.holds ? 'holds' : 'fails'}">${escaped(verdict.text)}</p>
${tables.map(tableHtml).join('\n')}
</main>
<footer>${foot.map((line) => `<p>${escaped(line)}</p>`).join('\n')}</footer>
</body>
</html>
`;
}
