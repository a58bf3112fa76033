import type { Insertable } from 'kysely';
import type { ApprovalRecord, ApprovalRequest } from '../types.ts';
import { type ApprovalParts, lifetimeMs } from './parts.ts';
import { noteUse, standingFor, standingLifetime } from './standings.ts';
import { recordOf } from './store.ts';
import type { ApprovalTable } from './tables.ts';

interface Given {
  readonly of: string;
  readonly by: string | null;
  readonly names: readonly string[];
  /** Milliseconds. */
  readonly lifetime: number;
}

/** A person's earlier answer that holds for this request: in its session, or to commands of a named form. */
async function answeredBefore(
  parts: ApprovalParts,
  hash: string,
  { binding, commands = [], people = 1 }: ApprovalRequest,
): Promise<Given | undefined> {
  const now = parts.options.clock.now();
  const same = await parts.store.findStanding(hash, now);
  if (same !== undefined) {
    const lifetime = Math.min(lifetimeMs(parts), (same.standing_until ?? now) - now);
    return { of: same.id, by: same.resolved_by, names: [], lifetime };
  }
  // One person wrote it, so it does not answer where two must.
  if (Math.max(people, parts.options.people?.() ?? 1) > 1) return undefined;
  const found = await standingFor(parts, binding.agent, commands);
  if (found === undefined) return undefined;
  const names = [...new Set(found.map(({ name }) => name))];
  const by = found[0]?.createdBy ?? null;
  return { of: `standing:${names.join(',')}`, by, names, lifetime: standingLifetime(parts, found) };
}

/**
 * A standing approval stands for the whole binding, files included: a changed script is a new question. It is
 * handed out as a fresh approval for one run, so that every run of it is consumed and recorded like any other.
 */
export async function useStanding(
  parts: ApprovalParts,
  request: ApprovalRequest,
  fresh: Insertable<ApprovalTable>,
): Promise<ApprovalRecord | undefined> {
  const { store, journal } = parts;
  const given = await answeredBefore(parts, fresh.binding_hash, request);
  if (given === undefined) return undefined;
  const open = await store.findOpen(fresh.binding_hash);
  if (open !== undefined) return open.status === 'allowed' ? recordOf(open) : undefined;
  const used = await store.insert({
    ...fresh,
    run: null,
    status: 'allowed',
    expires_at: fresh.created_at + given.lifetime,
    decision: 'allow-always',
    resolved_at: fresh.created_at,
    resolved_by: given.by,
    standing_of: given.of,
  });
  if (used === undefined) return undefined;
  if (given.names.length > 0) await noteUse(parts, given.names);
  try {
    await journal.record('standing-used', 'allow', used);
  } catch (error) {
    await store.move(used.id, 'allowed', { status: 'cancelled' });
    throw error;
  }
  return recordOf(used);
}
