import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { normaliseSandboxPath } from '../../controls/execution/index.ts';
import { defineTool, type ToolText } from './define.ts';
import { failure, scriptFailure } from './output.ts';
import { OPEN_CHECKED } from './read.ts';
import { MAX_FILE_BYTES, writeFile } from './write-file.ts';

const READ_ALL = `${OPEN_CHECKED}\nhead -c "$2" <&3`;

export const editTool = defineTool({
  name: 'edit',
  description:
    'Replace a text in a file in the sandbox. oldText must occur exactly once, unless all is true. Nothing is written when it does not.',
  parameters: Type.Object(
    {
      path: Type.String({ description: 'Absolute, or relative to /workspace.' }),
      oldText: Type.String({ minLength: 1, description: 'The exact text to replace, with its line breaks.' }),
      newText: Type.String({ description: 'What to put there.' }),
      all: Type.Optional(Type.Boolean({ description: 'Replace every occurrence.' })),
    },
    { additionalProperties: false },
  ),
  effect: 'write',
  network: false,
  ownCommand: false,
  prepare(args, { cwd }) {
    const path = normaliseSandboxPath(args.path, cwd);
    const digest = (text: string) => createHash('sha256').update(text).digest('hex');
    return {
      actions: [
        { kind: 'file.read', path },
        { kind: 'file.write', path },
      ],
      argv: ['edit', path, digest(args.oldText), digest(args.newText), args.all === true ? 'all' : 'once'],
      files: { certain: [path], possible: [] },
      change: {
        path,
        apply(before) {
          const replaced = replace(Buffer.from(before, 'utf8'), args);
          return 'bytes' in replaced ? Buffer.from(replaced.bytes).toString('utf8') : undefined;
        },
      },
      title: `Edit ${path}`,
      commandText: `edit ${path}${args.all === true ? ' (every occurrence)' : ''}:\n- ${args.oldText}\n+ ${args.newText}`,
      async execute(runner) {
        const max = String(MAX_FILE_BYTES + 1);
        const found = await runner.run(['/bin/sh', '-c', READ_ALL, 'sh', path, max]);
        const failed = scriptFailure(found, path);
        if (failed !== undefined) return failed;
        if (found.stdout.byteLength > MAX_FILE_BYTES || found.droppedBytes > 0)
          return failure('TOOL_TOO_LARGE');
        const replaced = replace(found.stdout, args);
        if (!('bytes' in replaced)) return replaced;
        const was = createHash('sha256').update(found.stdout).digest('hex');
        const text = `Replaced ${replaced.count} occurrence${replaced.count === 1 ? '' : 's'} in ${path}.`;
        return (await writeFile(runner, path, replaced.bytes, was)) ?? { isError: false, text };
      },
    };
  },
});

function replace(
  bytes: Uint8Array,
  args: { readonly oldText: string; readonly newText: string; readonly all?: boolean },
): ToolText | { readonly bytes: Uint8Array; readonly count: number } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return failure('TOOL_FAILED', 'the file is not UTF-8 text');
  }
  const pieces = text.split(args.oldText);
  const count = pieces.length - 1;
  if (count === 0 || (count > 1 && args.all !== true)) {
    return failure('TOOL_EDIT_NO_MATCH', `the text to replace occurs ${count} times`);
  }
  // Before it is made: a short text for a long one, many times over, would fill the memory (attack 92).
  const grown = count * (Buffer.byteLength(args.newText) - Buffer.byteLength(args.oldText));
  if (bytes.byteLength + grown > MAX_FILE_BYTES) return failure('TOOL_TOO_LARGE');
  return { bytes: Buffer.from(pieces.join(args.newText), 'utf8'), count };
}
