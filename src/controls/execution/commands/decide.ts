import { type Authority, type Decision, decideAll, type Subject } from '../../../kernel/index.ts';
import type { CommandAnalysis } from '../types.ts';

/**
 * What the authority says about a whole line: its commands and its redirections happen together or not at
 * all. A line that is not fully understood is never allowed: at best it is asked (attacks 69 to 71).
 *
 * @param now Unix milliseconds.
 */
export function decideCommand(
  authority: Authority,
  subject: Subject,
  analysis: CommandAnalysis,
  now: number,
): Decision {
  const decision = decideAll(authority, subject, [...analysis.actions, ...analysis.files], now);
  if (analysis.unclear.length === 0 || decision.effect === 'deny') return decision;
  return {
    ...decision,
    effect: 'ask',
    code: 'EXEC_COMMAND_UNCLEAR',
    reason: `the command is not fully understood: ${analysis.unclear.join('; ')}`,
  };
}
