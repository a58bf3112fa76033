import { SCOPES, type Scope } from './types.ts';

const IMPLIED: Readonly<Partial<Record<Scope, readonly Scope[]>>> = {
  'operator.admin': SCOPES,
  'operator.write': ['operator.read', 'operator.talk'],
};

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** The scopes and all that they imply, in the order of SCOPES. Words that are no scope count for nothing. */
export function expandScopes(scopes: readonly string[]): readonly Scope[] {
  const held = new Set<Scope>();
  for (const scope of scopes) {
    if (!isScope(scope)) continue;
    held.add(scope);
    for (const implied of IMPLIED[scope] ?? []) held.add(implied);
  }
  return SCOPES.filter((scope) => held.has(scope));
}

/** What both sides hold once implied scopes are listed; never more than either. */
export function commonScopes(a: readonly string[], b: readonly string[]): readonly Scope[] {
  const other = new Set(expandScopes(b));
  return expandScopes(a).filter((scope) => other.has(scope));
}

/** Whether somebody may hand out, or renew, these rights: nobody gives away what it does not hold (attack 80). */
export function mayGrant(
  by: { readonly scopes: readonly string[]; readonly agents: readonly string[] },
  scopes: readonly string[],
  agents: readonly string[],
): boolean {
  const covered = by.agents.includes('*') || agents.every((agent) => by.agents.includes(agent));
  return covered && coversScopes(by.scopes, scopes);
}

/** Whether every wanted scope is held. A wanted word that is no scope is not held by anybody. */
export function coversScopes(held: readonly string[], wanted: readonly string[]): boolean {
  const have = new Set<string>(expandScopes(held));
  return wanted.every((scope) => have.has(scope));
}
