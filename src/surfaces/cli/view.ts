import type { Paint } from './terminal.ts';

/** How lines for one person look. */
export interface View {
  readonly paint: Paint;
  /** What this person types to start this program: `gatehouse`, or a path in a checkout. */
  readonly command: string;
  /** Columns of the terminal; absent when the output goes elsewhere and is left as it is. */
  readonly columns?: number;
}

/** The program's name where a command follows it; paths, `gatehouse.json` and prose stay. */
const NAME = /(?<![\w./-])gatehouse(?= [a-z<-])/g;

/**
 * A text of ours, with its commands as this person types them. Never for text of others: nothing changes what
 * an approver reads.
 */
export function asTyped(text: string, { command }: Pick<View, 'command'>): string {
  return text.replaceAll(NAME, () => command);
}

/** Lines of at most `width` columns, broken between words; a longer word keeps its line whole. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  const [first = '', ...words] = text.split(' ');
  let line = first;
  for (const word of words) {
    const longer = `${line} ${word}`;
    if (longer.length <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** Narrowest column that text is wrapped into. */
const MIN_WRAP = 24;

/** `head` and text beside it; what does not fit goes below the text. `indent` is the width of `head`. */
export function beside(
  head: string,
  text: string,
  { indent, columns }: { readonly indent: number; readonly columns: number | undefined },
): readonly string[] {
  const width = (columns ?? Number.POSITIVE_INFINITY) - indent;
  const [first = '', ...rest] = wrapped(text, width < MIN_WRAP ? Number.POSITIVE_INFINITY : width);
  return [`${head}${first}`, ...rest.map((line) => `${' '.repeat(indent)}${line}`)];
}
