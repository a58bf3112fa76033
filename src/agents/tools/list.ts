import { posix } from 'node:path';
import { Type } from 'typebox';
import { normaliseSandboxPath } from '../../controls/execution/index.ts';
import { defineTool } from './define.ts';
import { capped, decode, scriptFailure } from './output.ts';

/** Entries of one list, and bytes that are looked at to find them. */
export const MAX_ENTRIES = 1_000;
const MAX_BYTES = 512 * 1024;

/** Stays in the directory that was decided on: it must be its own real path. */
export const ENTER_CHECKED = `
[ -e "$1" ] || exit 65
[ -d "$1" ] || exit 66
cd -P -- "$1" || exit 69
[ "$(pwd -P)" = "$1" ] || exit 68
`;

const SCRIPT = `${ENTER_CHECKED}
find . -mindepth 1 -maxdepth "$2" -printf '%y\\t%s\\t%P\\0' | head -c "$3"`;

const KINDS: Readonly<Record<string, string>> = { d: 'dir', f: 'file', l: 'link' };

export const listTool = defineTool({
  name: 'list',
  description:
    'List a directory in the sandbox: kind, size in bytes and path of each entry, links not followed.',
  parameters: Type.Object(
    {
      path: Type.Optional(Type.String({ description: 'Absolute, or relative to /workspace (default).' })),
      depth: Type.Optional(Type.Integer({ minimum: 1, maximum: 5, description: 'Levels, default 1.' })),
    },
    { additionalProperties: false },
  ),
  effect: 'read',
  network: false,
  ownCommand: false,
  prepare(args, { cwd }) {
    const path = normaliseSandboxPath(args.path ?? '.', cwd);
    const depth = String(args.depth ?? 1);
    return {
      actions: [{ kind: 'file.read', path }],
      argv: ['list', path, depth],
      files: { certain: [], possible: [] },
      title: `List ${path}`,
      commandText: `list ${path}`,
      async execute(runner) {
        const result = await runner.run(['/bin/sh', '-c', SCRIPT, 'sh', path, depth, `${MAX_BYTES}`]);
        const failed = scriptFailure(result, path);
        if (failed !== undefined) return failed;
        const entries = decode(result.stdout)
          .split('\0')
          .slice(0, -1)
          .map((entry) => entry.split('\t'))
          .map(([kind = '', size = '', ...name]) => ({ kind, size, name: name.join('\t') }))
          .filter((entry) => runner.readable(posix.join(path, entry.name)))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        const lines = entries
          .slice(0, MAX_ENTRIES)
          .map((entry) => `${KINDS[entry.kind] ?? 'other'}\t${entry.size}\t${shownName(entry.name)}`);
        const more = entries.length - lines.length;
        const text = [...lines, ...(more > 0 ? [`[${more} more entries]`] : [])].join('\n');
        return {
          isError: false,
          text: text === '' ? `[${path} is empty]` : capped(text, 'List a smaller directory.'),
        };
      },
    };
  },
});

/**
 * A name with control characters would forge lines of the list, and one with formatting characters would show its
 * letters in another order: it is shown quoted, with those as escapes (attacks 74 and 94).
 */
export function shownName(name: string): string {
  if (!/[\p{Cc}\p{Cf}]/u.test(name)) return name;
  return JSON.stringify(name).replace(/[\p{Cc}\p{Cf}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
