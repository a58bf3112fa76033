import { basename, dirname, join } from 'node:path';
import type { HomeEntry, HomeFacts, RepairStep } from './types.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Milliseconds after which nobody works with a half-written file any more. */
const LEFT_MS = HOUR_MS;
/** Milliseconds for which what was moved away can be brought back. */
const KEPT_MS = 30 * DAY_MS;

/** Files that are written beside their place and renamed. */
const DRAFTS = /^(\.[0-9a-f]{12}\.tmp|ledger\.key\.\d+|\.restore\.json\.tmp|.*\.age\.partial)$/;
const REHEARSAL = /^gatehouse-rehearsal-/;

/** Everything that is safe to put right by itself, in the order in which it is done. */
export function planRepairs(facts: HomeFacts): readonly RepairStep[] {
  const ours = facts.entries.filter(({ uid }) => uid === facts.uid);
  return [
    ...facts.missing.map((path): RepairStep => ({ kind: 'folder', path })),
    ...tooOpen(facts).map(
      ({ path, mode }): RepairStep => ({ kind: 'mode', path, from: mode, to: mode & ~0o077 }),
    ),
    ...staleSockets(facts).map(({ path }): RepairStep => ({ kind: 'socket', path })),
    ...leftovers(facts, ours).map(({ path }): RepairStep => ({ kind: 'leftover', path })),
    ...overdue(facts, ours).map(({ path }): RepairStep => ({ kind: 'purge', path })),
    ...endedGrants(facts),
  ];
}

/** Ours, and readable or writable by others. A link has no rights of its own. */
export function tooOpen({ entries, uid, home }: HomeFacts): readonly HomeEntry[] {
  return entries.filter(
    ({ path, kind, mode, uid: owner }) =>
      (kind === 'file' || kind === 'folder') &&
      owner === uid &&
      (mode & 0o077) !== 0 &&
      path.startsWith(home) &&
      // Public by its nature, and read by whoever verifies.
      !path.endsWith('.pub'),
  );
}

export function staleSockets({ entries, bound, uid }: HomeFacts): readonly HomeEntry[] {
  return entries.filter(
    ({ path, kind, uid: owner }) =>
      kind === 'socket' && path.endsWith('.sock') && owner === uid && !bound.has(path),
  );
}

/** What a killed process left half-written. */
export function leftovers({ now, home }: HomeFacts, ours: readonly HomeEntry[]): readonly HomeEntry[] {
  return ours.filter(({ path, kind, changedAt }) => {
    if (changedAt > now - LEFT_MS) return false;
    const isStaging =
      kind === 'folder' && [join(home, 'cache', 'backup'), join(home, '.restore')].includes(dirname(path));
    return isStaging || (kind === 'file' && DRAFTS.test(basename(path)));
  });
}

/** What was moved away long ago, and what a killed rehearsal left in the clear. */
function overdue({ now, home }: HomeFacts, ours: readonly HomeEntry[]): readonly HomeEntry[] {
  const kept = join(home, 'cache', 'repairs');
  return ours.filter(({ path, kind, changedAt }) => {
    if (kind !== 'folder') return false;
    if (dirname(path) === kept) return changedAt < now - KEPT_MS;
    return REHEARSAL.test(basename(path)) && changedAt < now - LEFT_MS;
  });
}

/** A grant that has ended opens nothing; only its line is left, and reads as if it did. */
function endedGrants({ grants }: HomeFacts): readonly RepairStep[] {
  if (grants.ended.length === 0) return [];
  const left = grants.all.filter((grant) => !grants.ended.includes((grant as { readonly id: string }).id));
  return [{ kind: 'setting', path: 'grants', from: grants.all, to: left.length === 0 ? null : left }];
}
