import type { SessionRow } from '../../../agents/types.ts';
import { sessionRow } from '../rows.ts';
import type { OutgoingEvent } from './outgoing.ts';

/** That a session was made, changed, emptied or deleted (protocol c). */
export function sessionChanged(
  row: Pick<SessionRow, 'key' | 'agent'>,
  reason: 'new' | 'patch' | 'reset' | 'delete',
  at: number,
  full?: SessionRow,
): OutgoingEvent {
  const { key: sessionKey, agent: agentId } = row;
  const session = full === undefined ? {} : { session: sessionRow(full) };
  return {
    event: 'sessions.changed',
    scope: 'operator.read',
    audience: 'sessions',
    sessionKey,
    payload: { sessionKey, agentId, ts: at, reason, ...session },
  };
}
