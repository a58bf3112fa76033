import { join, relative } from 'node:path';
import type { ConfigFiles } from './files.ts';
import type { ConfigPaths } from './types.ts';

/** Bytes of the note: every file of a configuration, each within its own bound. */
const MAX_NOTE_BYTES = 64 * 1024 * 1024;
/** What a change of the configuration may write, below the home; a note that names anything else is not ours. */
const NAMES = /^(gatehouse\.json|policy\/egress\.yaml|playbooks\/[a-z0-9][a-z0-9_-]{0,63}\.yaml)$/;

function noteOf({ home }: Pick<ConfigPaths, 'home'>): string {
  return join(home, '.config-change.json');
}

/**
 * Note what is about to be written, durably, before the first of several files is: a process that is killed between
 * two of them leaves a configuration that nobody tried, and the note says how to finish it (attack 99).
 */
export function notePending(
  files: ConfigFiles,
  paths: Pick<ConfigPaths, 'home'>,
  changes: ReadonlyMap<string, string | undefined>,
): void {
  const named = [...changes].map(([path, text]) => [relative(paths.home, path), text ?? null] as const);
  files.write(noteOf(paths), JSON.stringify({ changes: Object.fromEntries(named) }));
}

export function forgetPending(files: ConfigFiles, paths: Pick<ConfigPaths, 'home'>): void {
  files.remove(noteOf(paths));
}

/**
 * Write what a killed process had begun to write. The change had been tried as a whole and was on record; doing it
 * twice is the same as once. Returns the names of the files, undefined without a note. The note stays.
 *
 * @throws CONFIG_WRITE_FAILED
 */
export function finishPending(
  files: ConfigFiles,
  paths: Pick<ConfigPaths, 'home'>,
): readonly string[] | undefined {
  const bytes = files.read(noteOf(paths), MAX_NOTE_BYTES);
  if (bytes === undefined) return undefined;
  const changes = parse(Buffer.from(bytes).toString('utf8'));
  for (const [name, text] of changes) {
    const path = join(paths.home, name);
    if (text === null) files.remove(path);
    else files.write(path, text);
  }
  return changes.map(([name]) => name);
}

/** The note appears whole or not at all, so one that is not right was not written by us: it changes nothing. */
function parse(text: string): readonly (readonly [string, string | null])[] {
  try {
    const { changes } = JSON.parse(text) as { readonly changes?: Readonly<Record<string, unknown>> };
    const entries = Object.entries(changes ?? {});
    const isOurs = entries.every(
      ([name, value]) => NAMES.test(name) && (value === null || typeof value === 'string'),
    );
    return isOurs ? (entries as [string, string | null][]) : [];
  } catch {
    return [];
  }
}
