import type { Selectable } from 'kysely';
import type { Subject } from '../../../kernel/index.ts';
import { APPROVAL_CODES } from '../codes.ts';
import type { StandingApproval, StandingService, StandingSuggestion } from '../types.ts';
import { type ApprovalParts, lifetimeMs } from './parts.ts';
import { matchesPatternForm, patternOf, patternProblem } from './standing-pattern.ts';
import { type ApprovalRow, recordOf } from './store.ts';
import type { StandingTable } from './tables.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Milliseconds that a standing approval lasts at most. */
export const MAX_STANDING_APPROVAL_MS = 90 * DAY_MS;
/** Milliseconds of history that suggestions come from. */
const HISTORY_MS = 30 * DAY_MS;
const MAX_HISTORY = 5_000;
const MAX_EXAMPLES = 5;

function toStanding(row: Selectable<StandingTable>): StandingApproval {
  return {
    name: row.name,
    agent: row.agent,
    pattern: row.pattern,
    reason: row.reason,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    used: row.used,
    lastUsedAt: row.last_used_at,
  };
}

/** The standing approval that covers every asked command of a request, if there is one for each. */
export async function standingFor(
  { options }: ApprovalParts,
  agent: string,
  commands: readonly string[],
): Promise<readonly StandingApproval[] | undefined> {
  if (commands.length === 0) return undefined;
  const now = options.clock.now();
  const rows = await options.db
    .selectFrom('standing_approvals')
    .selectAll()
    .where('agent', '=', agent)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .execute();
  const found = commands.map((command) => rows.find(({ pattern }) => matchesPatternForm(pattern, command)));
  return found.every((row) => row !== undefined) ? found.map(toStanding) : undefined;
}

export async function noteUse({ options }: ApprovalParts, names: readonly string[]): Promise<void> {
  await options.db
    .updateTable('standing_approvals')
    .set((build) => ({ used: build('used', '+', 1), last_used_at: options.clock.now() }))
    .where('name', 'in', names)
    .execute();
}

/** Commands that were asked about often, and allowed each time, in forms no wider than what was seen. */
function suggestions(rows: readonly ApprovalRow[], least: number): readonly StandingSuggestion[] {
  const groups = new Map<string, { readonly commands: string[]; since: number; denied: boolean }>();
  for (const row of rows) {
    const [command, ...more] = JSON.parse(row.commands ?? '[]') as readonly string[];
    if (command === undefined || more.length > 0) continue;
    const { agent } = recordOf(row).binding;
    const words = command.split(' ');
    const key = `${agent}\n${words.length}\n${words.slice(0, 2).join(' ')}`;
    const group = groups.get(key) ?? { commands: [], since: row.created_at, denied: false };
    group.commands.push(command);
    group.since = Math.min(group.since, row.created_at);
    group.denied ||= row.status === 'denied';
    groups.set(key, group);
  }
  return [...groups].flatMap(([key, { commands, since, denied }]) => {
    const pattern = denied || commands.length < least ? undefined : patternOf(commands);
    if (pattern === undefined) return [];
    const examples = [...new Set(commands)].slice(0, MAX_EXAMPLES);
    return [{ agent: key.split('\n', 1)[0] ?? '', pattern, asked: commands.length, examples, since }];
  });
}

/** Standing approvals: narrow, named, expiring, and gone from the next decision on when revoked (X6). */
export function createStandings(parts: ApprovalParts): StandingService {
  const { options, store, journal } = parts;
  const { db, clock } = options;
  const find = async (name: string): Promise<StandingApproval | undefined> => {
    const row = await db
      .selectFrom('standing_approvals')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    return row === undefined ? undefined : toStanding(row);
  };
  const change = (action: string, by: Subject, data: Readonly<Record<string, unknown>>) =>
    options.ledger.append({ type: 'change', action, outcome: 'success', subject: by, data });
  return {
    find,
    async list() {
      const rows = await db.selectFrom('standing_approvals').selectAll().orderBy('name').execute();
      return rows.map(toStanding);
    },
    async add({ name, agent, pattern, reason, forMs }, by) {
      if (by.run !== undefined || by.agent !== undefined) {
        throw await journal.refuse('APPROVAL_APPROVER_NOT_ALLOWED', by, { standing: name });
      }
      const problem = patternProblem(pattern);
      if (problem !== undefined)
        throw APPROVAL_CODES.error('APPROVAL_STANDING_TOO_WIDE', `too wide: ${problem}`);
      const now = clock.now();
      const expires = now + Math.min(forMs, MAX_STANDING_APPROVAL_MS);
      if ((await find(name)) !== undefined) throw APPROVAL_CODES.error('APPROVAL_STANDING_EXISTS');
      await change('standing.added', by, { name, agent, pattern, reason, expires });
      await db
        .insertInto('standing_approvals')
        .values({
          name,
          agent,
          pattern,
          reason,
          created_at: now,
          created_by: by.principal,
          expires_at: expires,
          revoked_at: null,
          revoked_by: null,
          used: 0,
          last_used_at: null,
        })
        .execute();
      const made = await find(name);
      if (made === undefined) throw APPROVAL_CODES.error('APPROVAL_STANDING_NOT_FOUND');
      return made;
    },
    async revoke(name, by) {
      await db
        .updateTable('standing_approvals')
        .set({ revoked_at: clock.now(), revoked_by: by.principal })
        .where('name', '=', name)
        .where('revoked_at', 'is', null)
        .execute();
      const revoked = await find(name);
      if (revoked === undefined) throw APPROVAL_CODES.error('APPROVAL_STANDING_NOT_FOUND');
      await change('standing.revoked', by, { name });
      return revoked;
    },
    async suggest(least) {
      const rows = await store.answered(clock.now() - HISTORY_MS, MAX_HISTORY);
      const standing = await db
        .selectFrom('standing_approvals')
        .select(['agent', 'pattern'])
        .where('revoked_at', 'is', null)
        .execute();
      return suggestions(rows, least).filter(
        ({ agent, pattern }) => !standing.some((known) => known.agent === agent && known.pattern === pattern),
      );
    },
  };
}

/** How long an approval lives that a standing one gave: no longer than that. */
export function standingLifetime(parts: ApprovalParts, standings: readonly StandingApproval[]): number {
  const now = parts.options.clock.now();
  return Math.min(lifetimeMs(parts), ...standings.map(({ expiresAt }) => expiresAt - now));
}
