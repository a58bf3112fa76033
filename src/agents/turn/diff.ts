import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isPrivatePath, locateFiles } from '../../controls/execution/index.ts';
import type { Mount } from '../../kernel/index.ts';
import type { PreparedCall } from '../tools/define.ts';
import { MAX_FILE_BYTES } from '../tools/write-file.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Lines of one diff; a longer one is left out, and the call's own text is shown in full anyway. */
export const MAX_DIFF_LINES = 4_000;
/** Milliseconds that making a diff may take: its worst case is quadratic (attack 93). */
const MAX_DIFF_MS = 500;

/** The text of a file as it is now; empty when there is none, undefined when it is no text that can be shown. */
async function textOf(path: string, mounts: readonly Mount[]): Promise<string | undefined> {
  const [file] = await locateFiles([path], mounts);
  if (file === undefined) return '';
  try {
    await using handle = await open(file.host, FLAGS);
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES) return undefined;
    return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
  } catch {
    return undefined;
  }
}

/** Unified diff of the file that a call would change, for the person who is asked. */
export async function diffOf(
  { change }: PreparedCall,
  mounts: readonly Mount[],
): Promise<string | undefined> {
  // What lies around a credential is not copied into the store of approvals (K2).
  if (change === undefined || isPrivatePath(change.path, [])) return undefined;
  const before = await textOf(change.path, mounts);
  const after = before === undefined ? undefined : change.apply(before);
  if (before === undefined || after === undefined) return undefined;
  const { createTwoFilesPatch } = await import('diff');
  const { path } = change;
  const patch = createTwoFilesPatch(path, path, before, after, undefined, undefined, {
    context: 3,
    timeout: MAX_DIFF_MS,
  });
  if (patch === undefined || patch.split('\n').length > MAX_DIFF_LINES) return undefined;
  // Without the rule that the library draws above it.
  return patch.replace(/^=+\n/, '');
}
