import { Type } from 'typebox';
import {
  analyseCommand,
  changesNothing,
  decideCommand,
  namedFiles,
  reachOf,
} from '../../controls/execution/index.ts';
import { defineTool } from './define.ts';
import { capped, decode, endFailure } from './output.ts';

/** Bytes of one command line. */
export const MAX_COMMAND = 16_384;

/** Longest time a model may ask for; the sandbox's own limit stands besides. */
export const MAX_TIMEOUT_MS = 600_000;

/** bash where the sandbox has it, with no start-up files; the line is a word of the argv, never part of it. */
const LAUNCH = '[ -x /bin/bash ] && exec /bin/bash --noprofile --norc -c "$1"; exec /bin/sh -c "$1"';

export const shellTool = defineTool({
  name: 'shell',
  description:
    'Run a shell command in the sandbox, in /workspace, and get its exit code and output. Plain commands are allowed more often than substitutions, loops and globs, which a person may have to approve.',
  parameters: Type.Object(
    {
      command: Type.String({ minLength: 1, maxLength: MAX_COMMAND, description: 'One command line.' }),
      timeoutMs: Type.Optional(Type.Integer({ minimum: 100, maximum: MAX_TIMEOUT_MS })),
    },
    { additionalProperties: false },
  ),
  effect: 'write',
  network: true,
  ownCommand: true,
  prepare(args, { cwd }) {
    const analysis = analyseCommand(args.command, cwd);
    return {
      actions: [...analysis.actions, ...analysis.files],
      decide: (authority, subject, now) => decideCommand(authority, subject, analysis, now),
      argv: ['/bin/sh', '-c', args.command],
      files: namedFiles(args.command, cwd),
      reach: reachOf(analysis),
      changesNothing: changesNothing(analysis),
      title: 'Run a command',
      commandText: args.command,
      ...(args.timeoutMs === undefined ? {} : { timeoutMs: args.timeoutMs }),
      async execute(runner) {
        const result = await runner.run(['/bin/sh', '-c', LAUNCH, 'sh', args.command]);
        const ended = endFailure(result);
        const output = [decode(result.stdout), decode(result.stderr)]
          .filter((text) => text !== '')
          .join('\n');
        const dropped = result.droppedBytes > 0 ? `\n[${result.droppedBytes} more bytes were dropped]` : '';
        const shown = capped(`${output}${dropped}`, 'Narrow the output down, for example with head or grep.');
        if (ended !== undefined) return { ...ended, text: `${ended.text}\n${shown}` };
        const how =
          result.end === 'signalled' ? `killed by ${result.signal}` : `exit code ${result.exitCode}`;
        if (result.end === 'exited' && result.exitCode === 0) {
          return { isError: false, text: shown === '' ? '[exit code 0, no output]' : shown };
        }
        return { isError: true, text: `[${how}]\n${shown}` };
      },
    };
  },
});
