import type { Finding, Severity } from '../../kernel/index.ts';
import { leftovers, staleSockets, tooOpen } from './plan.ts';
import type { HomeEntry, HomeFacts } from './types.ts';

const MIB = 1024 * 1024;
/** Free bytes below which the ledger will soon refuse, and everything with it. */
const DISK_LOW = 1024 * MIB;
const DISK_NEARLY_FULL = 128 * MIB;
/** Milliseconds by which a clock may be behind the newest record. */
const CLOCK_SLACK_MS = 5 * 60_000;
/** Paths that one finding names. */
const NAMED = 5;

const FIX = 'gatehouse doctor --fix puts it right; it says what it changes, and doctor undo takes it back.';

function names(entries: readonly { readonly path: string }[]): string {
  const more = entries.length > NAMED ? ` and ${entries.length - NAMED} more` : '';
  return (
    entries
      .slice(0, NAMED)
      .map(({ path }) => path)
      .join(', ') + more
  );
}

function octal(entries: readonly HomeEntry[]): string {
  return [...new Set(entries.map(({ mode }) => `0${(mode & 0o777).toString(8)}`))].join(', ');
}

function finding(
  id: string,
  severity: Severity,
  facts: Omit<Finding, 'id' | 'severity' | 'requirements'>,
): Finding {
  return { id, severity, requirements: ['D2'], ...facts };
}

/** The home as it lies on the disk: rights, owners, links, leftovers, room and clock (D2). */
export function checkHome(facts: HomeFacts): readonly Finding[] {
  return [...rights(facts), ...litter(facts), ...grants(facts), ...disk(facts), ...clock(facts)];
}

function rights(facts: HomeFacts): readonly Finding[] {
  const { entries, uid } = facts;
  const open = tooOpen(facts);
  const links = entries.filter(({ kind }) => kind === 'link');
  const foreign = entries.filter(({ uid: owner, kind }) => owner !== uid && kind !== 'link');
  const writable = open.some(({ mode }) => (mode & 0o022) !== 0);
  return [
    ...(open.length === 0
      ? []
      : [
          finding('HOME_FILE_OPEN', writable ? 'high' : 'warning', {
            title: `other accounts can ${writable ? 'change' : 'read'} ${names(open)}`,
            expected: '0600 for files, 0700 for folders',
            found: octal(open),
            fix: FIX,
          }),
        ]),
    ...(links.length === 0
      ? []
      : [
          finding('HOME_LINK', 'warning', {
            title: `a link stands where a file should be: ${names(links)}`,
            expected: 'files and folders of the home itself',
            found: 'a link',
            fix: 'Look where it leads (ls -l), and put the file itself there: whoever can write to its target changes this install.',
          }),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          finding('HOME_NOT_OURS', 'high', {
            title: `another account owns ${names(foreign)}`,
            expected: `uid ${uid}`,
            found: [...new Set(foreign.map(({ uid: owner }) => `uid ${owner}`))].join(', '),
            fix: 'Find out how it came there; then chown it to the account of the gateway, or delete it.',
          }),
        ]),
  ];
}

function litter(facts: HomeFacts): readonly Finding[] {
  const sockets = staleSockets(facts);
  const left = leftovers(
    facts,
    facts.entries.filter(({ uid }) => uid === facts.uid),
  );
  const { missing } = facts;
  return [
    ...(missing.length === 0
      ? []
      : [
          finding('HOME_FOLDER_MISSING', 'warning', {
            title: `a folder of the home is missing: ${missing.slice(0, NAMED).join(', ')}`,
            expected: 'all folders of a home',
            found: `${missing.length} missing`,
            fix: FIX,
          }),
        ]),
    ...(sockets.length === 0
      ? []
      : [
          finding('HOME_SOCKET_STALE', 'low', {
            title: `nobody listens on ${names(sockets)}`,
            expected: 'sockets of running processes only',
            found: `${sockets.length} left by a killed process`,
            fix: FIX,
          }),
        ]),
    ...(left.length === 0
      ? []
      : [
          finding('HOME_LEFTOVER', 'low', {
            title: `a process that was killed left ${names(left)}`,
            expected: 'nothing half-written',
            found: `${left.length} of them`,
            fix: FIX,
          }),
        ]),
  ];
}

function grants({ grants: { ended } }: HomeFacts): readonly Finding[] {
  if (ended.length === 0) return [];
  return [
    finding('GRANT_LINE_ENDED', 'low', {
      title: `grants of the configuration have ended and are still written there: ${ended.slice(0, NAMED).join(', ')}`,
      expected: 'only grants that open something',
      found: `${ended.length} that open nothing`,
      fix: FIX,
    }),
  ];
}

function disk({ disk: measured, home }: HomeFacts): readonly Finding[] {
  if (measured === null || measured.free >= DISK_LOW) return [];
  const free = `${Math.floor(measured.free / MIB)} MiB free`;
  return [
    finding('HOME_DISK_LOW', measured.free < DISK_NEARLY_FULL ? 'high' : 'warning', {
      title: `the disk of ${home} is nearly full: ${free}`,
      expected: 'at least 1 GiB: what cannot be recorded is refused',
      found: free,
      fix: 'Make room, or move the home; gatehouse backup list and logs/ are the first places to look.',
    }),
  ];
}

function clock({ newestRecord, now }: HomeFacts): readonly Finding[] {
  if (newestRecord === null || newestRecord <= now + CLOCK_SLACK_MS) return [];
  return [
    finding('CLOCK_BEHIND', 'high', {
      title: 'the clock is behind the newest record of the ledger',
      expected: `after ${new Date(newestRecord).toISOString()}`,
      found: new Date(now).toISOString(),
      fix: 'Set the clock (timedatectl status): tokens, grants and certificates end by it. If it was ahead before, say so in a ticket.',
    }),
  ];
}
