/** One value of a family; labels in the order in which they are written. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Series of one family; whoever makes up names can add no more (attack 94). */
export const MAX_SERIES = 200;
/** Characters of one label value. */
const MAX_LABEL = 128;
/** What takes the place of the labels of series beyond the bound. */
export const OTHER = 'other';

const NAME = /^[a-z][a-z0-9_]*$/;

/** Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Families as text. Series of equal labels are added up, and what goes beyond the bound is one series `other`, so that
 * sums stay right. Throws for a name that is none: that is a defect, and never comes from outside.
 */
export function exposition(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (!NAME.test(name) || (type === 'counter') !== name.endsWith('_total')) {
      throw new Error(`${name} is no name of a ${type}`);
    }
    lines.push(`# HELP ${name} ${help.replace(/[\\\n]/g, ' ')}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of bounded(samples)) lines.push(`${name}${labels} ${number(value)}`);
  }
  return `${lines.join('\n')}\n`;
}

function bounded(samples: readonly Sample[]): ReadonlyMap<string, number> {
  const series = new Map<string, number>();
  for (const { labels, value } of samples) {
    const key = written(labels);
    const known = series.get(key);
    const room = known !== undefined || series.size < MAX_SERIES - 1;
    const others = Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER]));
    const at = room ? key : written(others);
    series.set(at, (series.get(at) ?? 0) + value);
  }
  return series;
}

function written(labels: Sample['labels']): string {
  const entries = Object.entries(labels).map(([label, value]) => {
    if (!NAME.test(label)) throw new Error(`${label} is no name of a label`);
    return `${label}="${escaped(value)}"`;
  });
  return entries.length === 0 ? '' : `{${entries.join(',')}}`;
}

/** Backslash, double quote and line feed are the three that the format knows; other control characters are dropped. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .slice(0, MAX_LABEL)
    .toWellFormed()
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n');
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}
