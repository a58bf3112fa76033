import type { RunningAuth } from '../controls/auth/index.ts';
import type { Authority, Subject } from '../kernel/index.ts';
import type { Callers } from '../operations/callers.ts';

/**
 * Turns that waited for a person when the process ended go on only with the rights that their principal has now, and
 * only while the token that started them, or a later version of it, is valid (A4).
 */
export async function rightsAfterRestart(auth: RunningAuth, callers: Callers) {
  const known = new Map<string, Authority>();
  const local = auth.localOperator();
  const operator = callers.callerOf(local, 'socket', 'repair').authority;
  const families = await auth.liveFamilies();
  const now = Date.now();
  for (const token of await auth.listTokens()) {
    if (token.revokedAt !== null || (token.expiresAt !== null && token.expiresAt <= now)) continue;
    const { id, name, scopes, agents, principal: owner } = token;
    const family = families.get(id);
    if (family === undefined) continue;
    const principal = { id: owner, name, kind: 'token', scopes, agents, credentialId: id } as const;
    known.set(`${owner} ${family}`, callers.callerOf(principal, 'http', 'repair').authority);
  }
  return ({ principal, credential = '' }: Subject) =>
    principal === local.id ? operator : known.get(`${principal} ${families.get(credential) ?? ''}`);
}
