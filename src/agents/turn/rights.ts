import { type Authority, authorityOf, NO_AUTHORITY, narrow } from '../../kernel/index.ts';
import type { AgentPolicy } from '../types.ts';

/** Layer of the install, which is in an agent's authority and in its principal's. */
const CEILING = 'ceiling';

/**
 * What agent and principal may do together at this moment. A turn keeps the policy that it began with; grants are the
 * exception: one that is made counts from the next decision on, and one that ended counts for nothing (D7). Files that
 * changed meanwhile can only take away, and an agent that is gone may do nothing.
 */
export function rightsNow(began: AgentPolicy, live: AgentPolicy | undefined, own: Authority): Authority {
  if (live === began) return narrow(began.authority, own);
  if (live === undefined) return NO_AUTHORITY;
  if (filedHash(live) !== filedHash(began)) return narrow(narrow(began.authority, live.authority), own);
  const others = own.layers.filter(({ id }) => id !== CEILING);
  // The install's layer of now is in the agent's authority; a principal that has no other layer keeps its own.
  return narrow(live.authority, others.length === 0 ? own : authorityOf(...others));
}

function filedHash({ filed, authority }: AgentPolicy): string {
  return filed ?? authority.hash;
}
