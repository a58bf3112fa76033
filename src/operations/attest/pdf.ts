import type { AttestationPage } from './page.ts';

/** A4 in points (ISO 216; ISO 32000-1 section 8.3.2.3). */
const WIDTH = 595;
const HEIGHT = 842;
const MARGIN = 34;
const GAP = 4;
/** Sizes that are tried until everything is on one page. */
const SIZES = [7.5, 7, 6.5, 6, 5.5, 5] as const;
const LEADING = 1.25;

/** Widths of Helvetica from space to tilde, in thousandths of the size (Adobe core 14 AFM). */
const WIDTHS = (
  '278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 ' +
  '584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 ' +
  '667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 ' +
  '278 556 500 722 500 500 500 334 260 334 584'
)
  .split(' ')
  .map(Number);
/** Bold letters are at most this much wider. */
const BOLD = 1.1;
const FIRST = 32;
const LAST = 126;

/** Letters that the standard fonts lack become a question mark; what is signed has them. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, '?');
}

function widthOf(text: string, size: number, isBold = false): number {
  let width = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    width += code >= FIRST && code <= LAST ? (WIDTHS[code - FIRST] ?? 0) : 600;
  }
  return ((width * size) / 1_000) * (isBold ? BOLD : 1);
}

/** Lines that fit; a word that is too long is broken anywhere, as digests and addresses are. */
function wrap(text: string, width: number, size: number, isBold: boolean): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(' ')) {
    let rest = word;
    const longer = line === '' ? rest : `${line} ${rest}`;
    if (widthOf(longer, size, isBold) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    while (widthOf(rest, size, isBold) > width) {
      let length = rest.length - 1;
      while (length > 1 && widthOf(rest.slice(0, length), size, isBold) > width) length -= 1;
      lines.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
    line = rest;
  }
  return [...lines, line];
}

/** Text in a PDF string (ISO 32000-1 section 7.3.4.2): nothing of it can end the string. */
function literal(text: string): string {
  return `(${text.replaceAll(/[\\()]/g, '\\$&')})`;
}

const COLOURS = {
  ink: '0.1 0.11 0.13',
  soft: '0.29 0.32 0.35',
  good: '0.11 0.44 0.26',
  bad: '0.64 0.15 0.17',
} as const;
type Colour = keyof typeof COLOURS;

/** Puts text and lines on one page from the top down, and knows whether it went past the bottom. */
class Canvas {
  readonly #marks: string[] = [];
  y = HEIGHT - MARGIN;

  text(
    x: number,
    y: number,
    size: number,
    text: string,
    look: { readonly bold?: boolean; readonly colour?: Colour } = {},
  ): void {
    const font = look.bold === true ? '/B' : '/R';
    this.#marks.push(
      `BT ${COLOURS[look.colour ?? 'ink']} rg ${font} ${size} Tf ${x.toFixed(2)} ${y.toFixed(2)} Td ${literal(text)} Tj ET`,
    );
  }

  /** A paragraph over the whole width. */
  paragraph(
    text: string,
    size: number,
    look: { readonly bold?: boolean; readonly colour?: Colour } = {},
  ): void {
    for (const line of wrap(text, WIDTH - 2 * MARGIN, size, look.bold === true)) {
      this.y -= size * LEADING;
      this.text(MARGIN, this.y, size, line, look);
    }
  }

  rule(): void {
    this.#marks.push(
      `0.84 0.85 0.87 RG 0.4 w ${MARGIN} ${(this.y - 2).toFixed(2)} m ${WIDTH - MARGIN} ${(this.y - 2).toFixed(2)} l S`,
    );
    this.y -= 2.5;
  }

  get content(): string {
    return this.#marks.join('\n');
  }

  get fits(): boolean {
    return this.y >= MARGIN;
  }
}

function drawTable(
  canvas: Canvas,
  { columns, widths, rows, verdictColumn }: AttestationPage['tables'][number],
  size: number,
): void {
  const total = widths.reduce((sum, width) => sum + width, 0);
  const usable = WIDTH - 2 * MARGIN;
  const places: { x: number; width: number }[] = [];
  let x = MARGIN;
  for (const width of widths) {
    const own = (width / total) * usable;
    places.push({ x, width: own - GAP });
    x += own;
  }
  const draw = (cells: readonly string[], isHead: boolean): void => {
    const top = canvas.y;
    let lowest = top;
    cells.forEach((cell, n) => {
      const place = places[n];
      if (place === undefined) return;
      const isVerdict = !isHead && n === verdictColumn;
      const colour: Colour = isHead ? 'soft' : isVerdict ? (cell === 'yes' ? 'good' : 'bad') : 'ink';
      wrap(cell, place.width, size, isHead || isVerdict).forEach((line, row) => {
        const y = top - (row + 1) * size * LEADING;
        canvas.text(place.x, y, size, line, { bold: isHead || isVerdict, colour });
        lowest = Math.min(lowest, y);
      });
    });
    canvas.y = lowest;
    canvas.rule();
  };
  draw(columns, true);
  for (const row of rows) draw(row, false);
}

function drawn(page: AttestationPage, size: number): Canvas {
  const canvas = new Canvas();
  const { title, subtitle, verdict, tables, foot } = page;
  canvas.paragraph(title, size * 2.1, { bold: true });
  canvas.paragraph(subtitle, size, { colour: 'soft' });
  canvas.y -= size;
  canvas.paragraph(verdict.text, size * 1.35, { bold: true, colour: verdict.holds ? 'good' : 'bad' });
  for (const table of tables) {
    canvas.y -= size * 1.1;
    canvas.paragraph(table.title, size * 1.25, { bold: true });
    canvas.y -= 1;
    drawTable(canvas, table, size);
  }
  canvas.y -= size * 0.8;
  for (const line of foot) canvas.paragraph(line, size, { colour: 'soft' });
  return canvas;
}

/** Objects, cross-reference table and trailer (ISO 32000-1 section 7.5). */
function fileOf(objects: readonly string[]): Uint8Array {
  let text = '%PDF-1.4\n';
  const offsets = objects.map((body, n) => {
    const offset = text.length;
    text += `${n + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const start = text.length;
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 6 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

/**
 * One page of PDF 1.4 in the standard fonts, written here because it is text and lines only: a library for it weighs
 * more than the gateway (decision 0014).
 */
export function attestationPdf(page: AttestationPage): Uint8Array {
  const tries = SIZES.map((size) => () => drawn(page, size));
  let canvas = tries[0]?.() ?? new Canvas();
  for (const attempt of tries.slice(1)) {
    if (canvas.fits) break;
    canvas = attempt();
  }
  const { content } = canvas;
  const font = (name: string) =>
    `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`;
  return fileOf([
    '<< /Type /Catalog /Pages 2 0 R /Lang (en) >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${WIDTH} ${HEIGHT}] /Contents 7 0 R /Resources << /Font << /R 4 0 R /B 5 0 R >> >> >>`,
    font('Helvetica'),
    font('Helvetica-Bold'),
    `<< /Title ${literal(printable(page.title))} /Producer (Gatehouse) >>`,
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]);
}
