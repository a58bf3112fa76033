import type { Static } from 'typebox';
import type { SessionRow } from '../../agents/types.ts';
import { taintLosses } from '../../kernel/index.ts';
import type { OperationContext } from '../define.ts';
import type { TaintSchema } from './schema.ts';

/** What a session has lost, and to what. */
export async function taintOf(
  { services }: OperationContext<never>,
  session: SessionRow,
): Promise<Static<typeof TaintSchema>> {
  const policy = services.config.current().agents.get(session.agent);
  const { events, files } = await services.sessions.taintOf(session.sessionId);
  const losses = policy === undefined ? [] : taintLosses(session.taint, policy.taintPolicy);
  return {
    lost: losses.map(({ kind, effect, because }) => ({ action: kind, effect, because })),
    sources: events.map((event) => ({ ...event })),
    files: files.map(({ path }) => path),
  };
}
