import type { TSchema } from 'typebox';
import type { Operation } from '../../operations/define.ts';
import { CLI_CODES } from './codes.ts';
import { parseDuration, parseInstant } from './time.ts';

type Shape = 'text' | 'number' | 'boolean' | 'list' | 'objects' | 'json' | 'object' | 'duration' | 'instant';

/** One key of an operation's input, as the command line offers it. */
export interface Argument {
  readonly key: string;
  /** Without dashes: `expires-in`. */
  readonly option: string;
  readonly shape: Shape;
  readonly nullable: boolean;
  readonly required: boolean;
  readonly description: string;
  readonly choices: readonly string[];
}

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly unit?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

function withoutNull(schema: JsonSchema): JsonSchema {
  const [first, second] = schema.anyOf ?? [];
  return first !== undefined && second?.type === 'null' ? first : schema;
}

function shapeOf(schema: JsonSchema): Shape {
  if (schema.unit === 'ms') return 'duration';
  if (schema.unit === 'unix-ms') return 'instant';
  if (schema.enum !== undefined || schema.type === 'string') return 'text';
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'boolean') return 'boolean';
  if (schema.type === 'array') return schema.items?.type === 'object' ? 'objects' : 'list';
  return schema.type === 'object' ? 'object' : 'json';
}

function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The unit is part of the value on the command line (`--timeout 30s`), so it is not part of the name. */
function optionName(key: string, shape: Shape): string {
  return kebab(shape === 'duration' ? key.replace(/Ms$/, '') : key);
}

/** Everything the input of an operation may hold, in the order of its schema. */
function argumentsOf(input: TSchema): readonly Argument[] {
  const { properties = {}, required = [] } = input as JsonSchema;
  return Object.entries(properties).map(([key, schema]) => {
    const inner = withoutNull(schema);
    const shape = shapeOf(inner);
    const allowed = inner.enum ?? inner.items?.enum ?? [];
    return {
      key,
      option: optionName(key, shape),
      shape,
      nullable: inner !== schema,
      required: required.includes(key),
      description: schema.description ?? inner.description ?? '',
      choices: allowed.filter((choice) => typeof choice === 'string'),
    };
  });
}

/** Arguments of an operation by key: positional ones in order, then the options. */
export function splitArguments(operation: Operation): {
  readonly positional: readonly Argument[];
  readonly options: readonly Argument[];
} {
  const all = argumentsOf(operation.input);
  const names = operation.cli.positional ?? [];
  const positional = names.flatMap((name) => all.filter((argument) => argument.key === name));
  return { positional, options: all.filter((argument) => !names.includes(argument.key)) };
}

/** What to say about an argument: the schema's unit is for programs, here the value carries its own. */
export function described({ description, choices }: Argument): string {
  const text = description.replace(/ In (Unix )?milliseconds\.$/, '');
  return [text, ...(choices.length === 0 ? [] : [`One of: ${choices.join(', ')}.`])]
    .filter((part) => part !== '')
    .join(' ');
}

const FIX_OPTIONS = [
  { flags: '--fix', description: 'Put right what is safe, say what was changed, and keep the way back.' },
  { flags: '--yes', description: 'With --fix: do not ask first.' },
  { flags: '--reason <text>', description: 'With --fix: why, in one line; kept with the repair.' },
];

const AUDIT_OPTIONS = [
  { flags: '--home <path>', description: 'Look at this OpenClaw home instead; nothing there is changed.' },
  { flags: '--sarif', description: 'Print SARIF 2.1.0, for code scanning.' },
];

/** Only together with a file. */
const VERIFY_OPTIONS = [
  { flags: '--key <path>', description: 'The public key in PEM; that of the install here when absent.' },
  { flags: '--anchor <path>', description: 'Copy of the anchor file that belongs to a copy of ledger.db.' },
];

/** Options beside the input: where it comes from and what becomes of the answer. */
export function extraOptions(
  operation: Operation,
): readonly { readonly flags: string; readonly description: string }[] {
  const files = Object.entries(operation.cli.files ?? {}).map(([option, key]) => ({
    flags: `--${option} <path>`,
    description: `Read ${kebab(key)} from this file; - is stdin.`,
  }));
  const json = { flags: '--json', description: 'Print exactly the result as JSON.' };
  const events = { flags: '--events', description: 'Print each event, then the result, as JSON lines.' };
  const noWait = {
    flags: '--no-wait',
    description: 'Do not wait for an approval that nobody here can answer (exit code 6).',
  };
  return [
    ...files,
    json,
    ...(operation.stream === undefined ? [] : [events]),
    ...(operation.id === 'agent.run' ? [noWait] : []),
    ...(operation.id === 'security.audit' ? AUDIT_OPTIONS : []),
    ...(operation.id === 'security.audit' || operation.id === 'doctor.run' ? FIX_OPTIONS : []),
    ...(operation.id === 'ledger.verify' ? VERIFY_OPTIONS : []),
  ];
}

function wrong(argument: Argument, expected: string): Error {
  return CLI_CODES.error('CLI_USAGE', `--${argument.option} must be ${expected}`);
}

function parsedJson(argument: Argument, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw CLI_CODES.error('CLI_USAGE', `${argument.option} must be JSON`, { cause });
  }
}

/** A text that is JSON is that value; any other text is itself, so that quotes are not needed for words. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * One value from the command line as the operation's input has it.
 *
 * @throws CLI_USAGE
 */
export function convert(argument: Argument, given: string | boolean, now: number): unknown {
  if (typeof given === 'boolean') return given;
  if (argument.nullable && given === 'null') return null;
  switch (argument.shape) {
    case 'text':
      return given;
    case 'boolean':
      if (given !== 'true' && given !== 'false') throw wrong(argument, 'true or false');
      return given === 'true';
    case 'number': {
      const number = given.trim() === '' ? Number.NaN : Number(given);
      if (!Number.isFinite(number)) throw wrong(argument, 'a number');
      return number;
    }
    case 'list':
      return given
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'duration': {
      const duration = parseDuration(given);
      if (duration === undefined) throw wrong(argument, 'a length of time with its unit: 30s, 5m, 2h, 7d');
      return duration;
    }
    case 'instant': {
      const instant = parseInstant(given, now);
      if (instant === undefined) throw wrong(argument, 'a date (2026-03-01) or a length of time ago (7d)');
      return instant;
    }
    case 'object':
    case 'objects':
      return parsedJson(argument, given);
    case 'json':
      return jsonOrText(given);
  }
}
