import { posix } from 'node:path';
import { Type } from 'typebox';
import { normaliseSandboxPath } from '../../controls/execution/index.ts';
import { defineTool } from './define.ts';
import { ENTER_CHECKED, shownName } from './list.ts';
import { capped, decode, scriptFailure } from './output.ts';
import { OPEN_CHECKED } from './read.ts';

/** Hits per file and in total, and characters of one shown line. */
const MAX_PER_FILE = 50;
export const MAX_HITS = 500;
const MAX_LINE = 400;
const MAX_BYTES = 1024 * 1024;

/** grep -r follows no links below its start, and prints NUL after names, which no name can contain. */
const SCRIPT = `
path=$1; most=$2; shift 2; set -- "$path" "$@"
if [ -d "$1" ]; then
${ENTER_CHECKED}
shift
grep -rnIsZ --exclude-dir=.git "$@" -- . | head -c "$most"
else
${OPEN_CHECKED}
shift
grep -nIsHZ --label="$path" "$@" <&3 | head -c "$most"
fi`;

export const searchTool = defineTool({
  name: 'search',
  description:
    'Search files in the sandbox for a text (or an extended regular expression) and show path, line number and line of each hit. Binary files and .git are left out.',
  parameters: Type.Object(
    {
      pattern: Type.String({ minLength: 1, maxLength: 1000, description: 'What to look for.' }),
      path: Type.Optional(Type.String({ description: 'File or directory; default /workspace.' })),
      regex: Type.Optional(Type.Boolean({ description: 'Treat pattern as an extended regular expression.' })),
      ignoreCase: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  effect: 'read',
  network: false,
  ownCommand: false,
  prepare(args, { cwd }) {
    const path = normaliseSandboxPath(args.path ?? '.', cwd);
    const options = [args.regex === true ? '-E' : '-F', `-m${MAX_PER_FILE}`];
    if (args.ignoreCase === true) options.push('-i');
    options.push('-e', args.pattern);
    return {
      actions: [{ kind: 'file.read', path }],
      argv: ['search', path, ...options],
      files: { certain: [], possible: [] },
      title: `Search ${path}`,
      commandText: `search ${path} for ${JSON.stringify(args.pattern)}`,
      async execute(runner) {
        const argv = ['/bin/sh', '-c', SCRIPT, 'sh', path, `${MAX_BYTES}`, ...options] as const;
        const result = await runner.run(argv);
        const failed = scriptFailure(result, path);
        if (failed !== undefined) return failed;
        const hits = decode(result.stdout)
          .split('\n')
          .map((line) => parseHit(line, path))
          .filter((hit) => hit !== undefined)
          .filter((hit) => runner.readable(hit.path))
          .map((hit) => `${shownName(hit.path)}:${hit.text}`);
        const said = decode(result.stderr).trim().slice(0, 500);
        if (hits.length === 0) return { isError: said !== '', text: said === '' ? '[no match]' : said };
        const shown = hits.slice(0, MAX_HITS).join('\n');
        const note = hits.length > MAX_HITS ? `\n[${hits.length - MAX_HITS} more hits]` : '';
        return { isError: false, text: capped(shown + note, 'Search for something narrower.') };
      },
    };
  },
});

function parseHit(line: string, root: string): { readonly path: string; readonly text: string } | undefined {
  const nul = line.indexOf('\0');
  if (nul < 0) return undefined;
  const text = line.slice(nul + 1);
  return {
    path: posix.resolve(root, line.slice(0, nul)),
    text: text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text,
  };
}
