import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Operation } from '../../operations/define.ts';
import { type Argument, convert, described, splitArguments } from './arguments.ts';
import { CLI_CODES } from './codes.ts';
import type { CliIo, CliParts } from './io.ts';

/** Options as commander hands them over, by option name in camel case. */
export type GivenOptions = Readonly<Record<string, string | boolean | undefined>>;

/** Largest file that is read into an input; the gateway has bounds of its own. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Keys that the CLI fills in itself, so that nobody types them. */
const FILLED: Readonly<Record<string, (parts: CliParts) => string>> = {
  clientVersion: (parts) => parts.version,
  idempotencyKey: () => randomUUID(),
};

export function isFilled(key: string): boolean {
  return Object.hasOwn(FILLED, key);
}

/** The name under which commander stores `--expires-in`. */
function camel(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

async function readStdin(io: CliIo): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array | string);
    size += bytes.length;
    if (size > MAX_FILE_BYTES) throw CLI_CODES.error('CLI_FILE_UNREADABLE', 'stdin is too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** At most one byte more than is allowed: a device or a pipe may have no end. */
function readBounded(path: string): Buffer {
  const bytes = Buffer.allocUnsafe(MAX_FILE_BYTES + 1);
  const file = openSync(path, 'r');
  try {
    let size = 0;
    let read = -1;
    while (read !== 0 && size < bytes.length) {
      read = readSync(file, bytes, size, bytes.length - size, null);
      size += read;
    }
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

async function readSource(path: string, io: CliIo): Promise<string> {
  if (path === '-') return readStdin(io);
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `the file ${path} cannot be read`, { cause });
  }
  if (bytes.length > MAX_FILE_BYTES) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `the file ${path} is too large`);
  }
  return bytes.toString('utf8');
}

function missing(argument: Argument, positional: boolean): Error {
  const what = positional ? `<${argument.option}>` : `--${argument.option}`;
  return CLI_CODES.error('CLI_USAGE', `${what} is missing: ${described(argument)}`);
}

/** One word is a line as it is; several are an argv, and each stays one word. */
function shellLine(words: readonly (string | undefined)[]): string | undefined {
  const given = words.filter((word) => word !== undefined);
  if (given.length < 2) return given[0];
  const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;
  return given.map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : quoted(word))).join(' ');
}

/**
 * The operation's input from positionals and options.
 *
 * @throws CLI_USAGE, CLI_FILE_UNREADABLE
 */
export async function inputFrom(
  operation: Operation,
  words: readonly (string | undefined)[],
  given: GivenOptions,
  { io, parts }: { readonly io: CliIo; readonly parts: CliParts },
): Promise<Readonly<Record<string, unknown>>> {
  const { positional, options } = splitArguments(operation);
  const now = Date.now();
  const input: Record<string, unknown> = {};
  positional.forEach((argument, index) => {
    // A list that stands last takes all the words that are left.
    const rest = argument.shape === 'list' ? words.slice(index).filter((each) => each !== undefined) : [];
    const line =
      operation.cli.line === true && argument === positional.at(-1)
        ? shellLine(words.slice(index))
        : undefined;
    const word = line ?? (rest.length > 0 ? rest.join(',') : words[index]);
    if (word !== undefined) input[argument.key] = convert(argument, word, now);
  });
  for (const argument of options) {
    const value = given[camel(argument.option)];
    if (value !== undefined) input[argument.key] = convert(argument, value, now);
  }
  for (const [option, key] of Object.entries(operation.cli.files ?? {})) {
    const path = given[camel(option)];
    if (typeof path === 'string') input[key] = await readSource(path, io);
  }
  for (const argument of [...positional, ...options]) {
    const fill = FILLED[argument.key];
    if (input[argument.key] === undefined && fill !== undefined) input[argument.key] = fill(parts);
    if (argument.required && input[argument.key] === undefined) {
      throw missing(argument, positional.includes(argument));
    }
  }
  return input;
}
