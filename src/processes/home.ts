import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { HomePaths } from '../operations/services.ts';
import { PROCESS_CODES } from './codes.ts';
import { finishExchange } from './restore/journal.ts';

/** Longest home for which the sockets below it still fit into sun_path (108 bytes on Linux, 104 on macOS). */
const MAX_HOME_FOR_SOCKETS = 48;

/** Where one install keeps everything; nothing is created. */
export function homePaths(env: Readonly<Record<string, string | undefined>>): HomePaths {
  const home = resolve(env['GATEHOUSE_HOME'] || join(homedir(), '.gatehouse'));
  const short = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const run = home.length <= MAX_HOME_FOR_SOCKETS ? join(home, 'run') : join(tmpdir(), `gatehouse-${short}`);
  return {
    home,
    config: join(home, 'gatehouse.json'),
    playbooks: join(home, 'playbooks'),
    policy: join(home, 'policy'),
    state: join(home, 'state'),
    keys: join(home, 'keys'),
    logs: join(home, 'logs'),
    run,
    workspaces: join(home, 'workspaces'),
  };
}

/** What was planted to be found (K4); digests only. */
export function honeytokenFile(paths: Pick<HomePaths, 'state'>): string {
  return join(paths.state, 'honeytokens.json');
}

/**
 * Create what is missing and refuse what somebody else could write to: a home that another account can enter
 * is a home whose tokens, policy and sockets that account owns too.
 *
 * @throws HOME_NOT_PRIVATE, HOME_UNUSABLE
 */
export function prepareHome(paths: HomePaths): void {
  // Before anything is opened: a restore that was cut off in the middle is finished first.
  finishExchange(paths.home);
  for (const folder of homeFolders(paths)) privateFolder(folder);
}

/** Every folder that a home has. */
export function homeFolders(paths: HomePaths): readonly string[] {
  return [
    paths.home,
    paths.playbooks,
    paths.policy,
    paths.state,
    paths.keys,
    paths.logs,
    paths.run,
    join(paths.run, 'runs'),
    paths.workspaces,
    join(paths.home, 'cache'),
  ];
}

/** Step by step: Node's own recursion never ends below /proc, where making a folder says that there is none above it. */
function makeFolder(folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    // Another process of this home was quicker.
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
}

function privateFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    throw PROCESS_CODES.error('HOME_UNUSABLE', `the folder ${folder} cannot be created`, { cause });
  }
  const facts = lstatSync(folder);
  const mine = process.getuid === undefined || facts.uid === process.getuid();
  if (!facts.isDirectory() || !mine) {
    throw PROCESS_CODES.error('HOME_NOT_PRIVATE', `${folder} is a link or belongs to another account`);
  }
  if ((facts.mode & 0o077) === 0) return;
  // Ours, but open: closing it is safe and is what the operator would do.
  chmodSync(folder, 0o700);
}
