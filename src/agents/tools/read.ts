import { Type } from 'typebox';
import { normaliseSandboxPath } from '../../controls/execution/index.ts';
import { defineTool } from './define.ts';
import { capped, decode, MAX_RESULT_CHARS, scriptFailure } from './output.ts';

/** Lines of one read. */
export const MAX_LINES = 5_000;

/**
 * The file is opened first and its name asked of the kernel afterwards, so that a link, or one swapped in at
 * the last moment, is refused whatever it points to (attack 65).
 */
export const OPEN_CHECKED = `
[ -e "$1" ] || exit 65
[ -f "$1" ] || exit 66
exec 3<"$1" || exit 69
[ "$(readlink /proc/self/fd/3)" = "$1" ] || exit 68
`;

const SCRIPT = `${OPEN_CHECKED}
stat -L -c %s /proc/self/fd/3 >&2
tail -n "+$2" <&3 | head -n "$3" | head -c "$4"`;

export const readTool = defineTool({
  name: 'read',
  description:
    'Read a text file in the sandbox. Gives the whole file, or the lines from startLine on. Long files are cut with a note; read the rest with startLine.',
  parameters: Type.Object(
    {
      path: Type.String({ description: 'Absolute, or relative to /workspace.' }),
      startLine: Type.Optional(Type.Integer({ minimum: 1, description: 'First line, from 1.' })),
      lines: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LINES, description: 'How many lines.' })),
    },
    { additionalProperties: false },
  ),
  effect: 'read',
  network: false,
  ownCommand: false,
  prepare(args, { cwd }) {
    const path = normaliseSandboxPath(args.path, cwd);
    const from = args.startLine ?? 1;
    const lines = args.lines ?? MAX_LINES;
    return {
      actions: [{ kind: 'file.read', path }],
      argv: ['read', path, String(from), String(lines)],
      files: { certain: [path], possible: [] },
      title: `Read ${path}`,
      commandText: `read ${path}`,
      async execute(runner) {
        const max = String(MAX_RESULT_CHARS + 1);
        const result = await runner.run(['/bin/sh', '-c', SCRIPT, 'sh', path, `${from}`, `${lines}`, max]);
        const failed = scriptFailure(result, path);
        if (failed !== undefined) return failed;
        const size = decode(result.stderr).trim();
        const text = capped(decode(result.stdout), `The file has ${size} bytes; read on with startLine.`);
        return { isError: false, text: text === '' ? `[${path} has no text from line ${from} on]` : text };
      },
    };
  },
});
