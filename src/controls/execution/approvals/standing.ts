import type { ApprovalBinding, ApprovalRecord } from '../types.ts';
import { bindingHash } from './binding.ts';
import { type ApprovalParts, lifetimeMs } from './parts.ts';
import { recordOf } from './store.ts';

/**
 * A standing approval stands for the whole binding, files included: a changed script is a new question. It is
 * handed out as a fresh approval for one run, so that every run of it is consumed and recorded like any other.
 */
export async function useStanding(
  parts: ApprovalParts,
  binding: ApprovalBinding,
): Promise<ApprovalRecord | undefined> {
  const { store, journal, options } = parts;
  const hash = bindingHash(binding);
  const now = options.clock.now();
  const standing = await store.findStanding(hash, now);
  if (standing === undefined) return undefined;
  const open = await store.findOpen(hash);
  if (open !== undefined) return open.status === 'allowed' ? recordOf(open) : undefined;
  const used = await store.insert({
    ...standing,
    id: options.random.uuid(),
    run: null,
    status: 'allowed',
    created_at: now,
    expires_at: Math.min(now + lifetimeMs(parts), standing.standing_until ?? now),
    consumed_at: null,
    standing_until: null,
    standing_of: standing.id,
  });
  if (used === undefined) return undefined;
  try {
    await journal.record('standing-used', 'allow', used);
  } catch (error) {
    await store.move(used.id, 'allowed', { status: 'cancelled' });
    throw error;
  }
  return recordOf(used);
}
