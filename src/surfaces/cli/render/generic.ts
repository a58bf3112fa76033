import { shown, shownJson } from '../terminal.ts';
import { formatDuration, formatInstant } from '../time.ts';
import type { View } from '../view.ts';
import { type Cell, pairs } from './table.ts';

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names of our own schemas that hold Unix milliseconds, and lengths of time. */
const INSTANT = /(^at$|At$)/;
const DURATION = /Ms$/;

function scalar(key: string, value: unknown): Cell {
  if (typeof value === 'number' && INSTANT.test(key)) return formatInstant(value);
  if (typeof value === 'number' && DURATION.test(key)) return formatDuration(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === null || value === undefined) return null;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return JSON.stringify(value);
}

/** One object as aligned lines; nested objects follow as blocks of their own. */
export function fieldLines(value: Fields, view: View): readonly string[] {
  const flat = Object.entries(value).filter(([, item]) => !isFields(item));
  const nested = Object.entries(value).filter(([, item]) => isFields(item));
  const lines = [
    ...pairs(
      flat.map(([key, item]) => [key.replace(DURATION, ''), scalar(key, item)]),
      view,
    ),
  ];
  for (const [key, item] of nested) {
    if (isFields(item) && Object.keys(item).length > 0) {
      lines.push('', view.paint('strong', key), ...fieldLines(item, view));
    }
  }
  return lines;
}

/** The fall-back for results without a form of their own. */
export function genericLines(result: unknown, view: View): readonly string[] {
  if (typeof result === 'string') return shown(result).split('\n');
  if (!isFields(result)) return shownJson(result).split('\n');
  const entries = Object.values(result);
  const [only] = entries;
  return entries.length === 1 && isFields(only) ? fieldLines(only, view) : fieldLines(result, view);
}
