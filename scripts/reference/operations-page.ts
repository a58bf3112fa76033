import type { Operation } from '../../src/operations/define.ts';
import { OPERATIONS } from '../../src/operations/index.ts';
import { page, table } from './markdown.ts';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** A type in the words of JSON. */
function typeName(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(', ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeName))].join(' or ');
  if (schema.type === 'array') return `list of ${typeName(schema.items ?? {})}`;
  return schema.type ?? 'any JSON';
}

function bounds(schema: Schema): string {
  const parts = [
    schema.minimum === undefined ? '' : `at least ${schema.minimum}`,
    schema.maximum === undefined ? '' : `at most ${schema.maximum}`,
    schema.maxLength === undefined ? '' : `at most ${schema.maxLength} characters`,
    schema.maxItems === undefined ? '' : `at most ${schema.maxItems} items`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function fields(title: string, schema: Schema): readonly string[] {
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0) return [`${title}: none.`];
  const rows = entries.map(([key, field]) => [
    (schema.required ?? []).includes(key) ? `\`${key}\`` : `\`${key}\` (optional)`,
    typeName(field),
    [field.description ?? '', bounds(field)].filter((part) => part !== '').join(' '),
  ]);
  return [`${title}:`, table(['key', 'type', 'meaning'], rows)];
}

const EFFECTS = {
  read: 'looks, changes nothing',
  change: "changes Gatehouse's own state; recorded before and after",
  'high-impact': 'cannot be undone or acts outside; its record is durable before it starts',
} as const;

function chapter(operation: Operation): readonly string[] {
  const { id, summary, description, scope, effect, errors, stream, cli } = operation;
  const facts = [
    `- Scope: \`${scope}\``,
    `- Effect: ${effect} (${EFFECTS[effect]})`,
    `- HTTP: \`POST /api/v1/${id}\`; WebSocket: \`gatehouse.${id}\`; command: [\`gatehouse ${cli.command}\`](cli.md)`,
    ...(stream === undefined ? [] : ['- Streams events when asked with `Accept: application/x-ndjson`']),
    ...(errors.length === 0 ? [] : [`- Fails with: ${errors.map((code) => `\`${code}\``).join(', ')}`]),
  ];
  return [
    `## ${id}`,
    `${summary}.${description === undefined ? '' : ` ${description}`}`,
    facts.join('\n'),
    ...fields('Input', operation.input as Schema),
    ...fields('Result', operation.output as Schema),
  ];
}

/** docs/reference/operations.md */
export function operationsPage(): string {
  return page([
    '# Operations',
    'Everything anyone can ask Gatehouse to do. The command line, the HTTP routes, the WebSocket methods and ' +
      '[openapi.json](openapi.json) are made from the same array. An unknown key in an input is an error. Beyond the ' +
      'codes listed with each, every operation can answer `OP_INPUT_INVALID`, `AUTH_SCOPE_MISSING`, ' +
      '`OP_OUTPUT_INVALID`, `OP_NOT_RECORDED` (changes only) and `KERNEL_INTERNAL`; see [codes.md](codes.md).',
    table(
      ['operation', 'scope', 'what it does'],
      OPERATIONS.map(({ id, scope, summary }) => [
        `[${id}](#${id.replaceAll('.', '')})`,
        `\`${scope}\``,
        summary,
      ]),
    ),
    ...OPERATIONS.flatMap(chapter),
  ]);
}
