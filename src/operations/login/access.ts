import type { BrowserSession } from '../../controls/auth/types.ts';
import type { OperationContext } from '../define.ts';

/** Everybody sees and ends their own sessions; an administrator those of all. */
export function mine({ caller }: OperationContext<never>, session: BrowserSession): boolean {
  return caller.principal.scopes.includes('operator.admin') || session.principal === caller.principal.id;
}
