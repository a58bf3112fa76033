import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Below the home and nowhere else; the journal is ours, and a look costs nothing. */
const PATHS = /^(gatehouse\.json|(playbooks|policy|state|keys)(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)$/;

/** What is exchanged, by path in the home. */
export interface Exchange {
  readonly path: string;
  /** Whether something takes its place. */
  readonly replaced: boolean;
}

interface Journal {
  readonly id: string;
  readonly entries: readonly Exchange[];
}

const journalOf = (home: string) => join(home, '.restore.json');
/** Where the new files wait; on the same file system, so that each takes its place in one step. */
export const stagedOf = (home: string, id: string) => join(home, '.restore', id);
/** Where the old ones stay for good. */
export const asideOf = (home: string, id: string) => join(home, 'before-restore', id);

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** From here on the exchange is finished, by this process or by the next start (attack 99). */
export function beginExchange(home: string, id: string, entries: readonly Exchange[]): void {
  const draft = `${journalOf(home)}.tmp`;
  writeFileSync(draft, JSON.stringify({ id, entries } satisfies Journal), { mode: 0o600, flush: true });
  renameSync(draft, journalOf(home));
  sync(home);
}

function read(home: string): Journal | undefined {
  let text: string;
  try {
    text = readFileSync(journalOf(home), 'utf8');
  } catch {
    return undefined;
  }
  const { id, entries } = JSON.parse(text) as Journal;
  const isOurs = /^[0-9TZ]{16}-[0-9a-f]{6}$/.test(id) && entries.every(({ path }) => PATHS.test(path));
  return isOurs ? { id, entries } : undefined;
}

/**
 * Finish an exchange that was begun; each step can be done twice. Returns the id of the backup, undefined when there
 * is nothing to finish.
 */
export function finishExchange(home: string): string | undefined {
  const journal = read(home);
  if (journal === undefined) return undefined;
  const [staged, aside] = [stagedOf(home, journal.id), asideOf(home, journal.id)];
  for (const { path, replaced } of journal.entries) {
    const [here, next, old] = [join(home, path), join(staged, path), join(aside, path)];
    const isDone = replaced && !existsSync(next);
    if (!isDone && existsSync(here) && !existsSync(old)) move(here, old);
    if (existsSync(next)) move(next, here);
  }
  rmSync(journalOf(home));
  sync(home);
  rmSync(join(home, '.restore'), { recursive: true, force: true });
  return journal.id;
}

function move(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  renameSync(from, to);
  sync(dirname(to));
  sync(dirname(from));
}
