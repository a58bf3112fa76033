import { type GatehouseError, KERNEL_CODES } from '../../kernel/index.ts';
import type { CliIo } from './io.ts';
import { painter, shown, shownJson, shownLine } from './terminal.ts';
import { formatDuration } from './time.ts';
import { asTyped, type View } from './view.ts';

/** Where a command writes: results to stdout, everything about them to stderr. */
export interface Output {
  readonly json: boolean;
  readonly paint: View['paint'];
  readonly view: View;
  /** Lines for a person; callers have made the text of others safe. */
  lines(lines: readonly string[]): void;
  /** One JSON document. */
  document(value: unknown): void;
  /** One JSON value on one line. */
  event(value: unknown): void;
  /** Text of a model, as it arrives. */
  text(delta: string): void;
  /** A line about what happens, on stderr. */
  note(line: string): void;
  error(error: GatehouseError): void;
}

/** What is wrong with an input says its problem, what is wrong with a configuration its message. */
interface Issue {
  readonly path: string;
  readonly problem?: string;
  readonly message?: string;
}

function issuesOf(error: GatehouseError): readonly Issue[] {
  const { issues } = error.details;
  return Array.isArray(issues) ? (issues as readonly Issue[]) : [];
}

/** A bound on a length of time, as it is typed: `forMs must be <= 604800000` is `--for must be at most 7 d`. */
function asOptions(message: string): string {
  return message.replace(
    /\b([a-z]\w*)Ms must be ([<>])= (\d+)$/,
    (_all, key: string, sign: string, ms: string) =>
      `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} must be at ${sign === '<' ? 'most' : 'least'} ${formatDuration(Number(ms))}`,
  );
}

function errorLines(error: GatehouseError, view: View): readonly string[] {
  const [first, ...further] = issuesOf(error);
  const more =
    first === undefined
      ? []
      : further.map(
          ({ path, problem, message }) => `  ${shownLine(`${path} ${problem ?? message ?? ''}`.trim())}`,
        );
  const fix = error.fix === '' ? [] : [`fix: ${shownLine(asTyped(error.fix, view))}`];
  const message = asOptions(error.message);
  return [`${view.paint('bad', shownLine(error.code))}: ${shownLine(message)}`, ...more, ...fix];
}

/**
 * With `json`, stdout carries exactly the result and stderr one `{"ok":false,"error":{...}}`, so that a script
 * that reads stdout never mistakes an error for a result.
 */
export function createOutput(io: CliIo, json: boolean, command: string): Output {
  const paint = painter(io.isTTY, io.env);
  const columns = io.isTTY ? io.columns : undefined;
  const view: View = { paint, command, ...(columns === undefined ? {} : { columns }) };
  const write = (lines: readonly string[]) => io.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return {
    json,
    paint,
    view,
    lines: (lines) => void write(lines),
    document: (value) => void io.stdout.write(`${shownJson(value)}\n`),
    event: (value) => void io.stdout.write(`${shownJson(value, 0)}\n`),
    text: (delta) => void io.stdout.write(shown(delta)),
    note: (line) => void io.stderr.write(`${line}\n`),
    error(error) {
      if (json) io.stderr.write(`${shownJson({ ok: false, error: error.toJSON() }, 0)}\n`);
      else io.stderr.write(`${errorLines(error, view).join('\n')}\n`);
      if (error.code === 'KERNEL_INTERNAL' && io.env['GATEHOUSE_DEBUG'] === '1') {
        io.stderr.write(`${shown(String((error.cause as Error | undefined)?.stack ?? error.cause))}\n`);
      }
    },
  };
}

/** A GatehouseError of this process, with the operator pointed at the debug switch and not at a gateway's log. */
export function localFailure(thrown: unknown): GatehouseError {
  return KERNEL_CODES.error('KERNEL_INTERNAL', 'an internal error stopped this command', {
    fix: 'Run it again with GATEHOUSE_DEBUG=1 and report what it prints.',
    cause: thrown,
  });
}
