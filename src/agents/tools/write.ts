import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { normaliseSandboxPath } from '../../controls/execution/index.ts';
import { defineTool } from './define.ts';
import { failure } from './output.ts';
import { MAX_FILE_BYTES, writeFile } from './write-file.ts';

export const writeTool = defineTool({
  name: 'write',
  description:
    'Write a text file in the sandbox, replacing what is there. Missing directories are made. To change a part of a file use edit.',
  parameters: Type.Object(
    {
      path: Type.String({ description: 'Absolute, or relative to /workspace.' }),
      content: Type.String({ description: 'The whole new text of the file.' }),
    },
    { additionalProperties: false },
  ),
  effect: 'write',
  network: false,
  ownCommand: false,
  prepare(args, { cwd }) {
    const path = normaliseSandboxPath(args.path, cwd);
    const content = Buffer.from(args.content, 'utf8');
    return {
      actions: [{ kind: 'file.write', path }],
      argv: ['write', path, createHash('sha256').update(content).digest('hex')],
      files: { certain: [path], possible: [] },
      change: { path, apply: () => args.content },
      title: `Write ${path}`,
      commandText: `write ${path} (${content.byteLength} bytes):\n${args.content}`,
      async execute(runner) {
        if (content.byteLength > MAX_FILE_BYTES) return failure('TOOL_TOO_LARGE');
        const failed = await writeFile(runner, path, content);
        return failed ?? { isError: false, text: `Wrote ${content.byteLength} bytes to ${path}.` };
      },
    };
  },
});
