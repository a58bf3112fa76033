import { type Authority, type Decision, decideAll, isNamed, type Subject } from '../../../kernel/index.ts';
import type { CommandAnalysis } from '../types.ts';
import { displayCommand } from '../visible.ts';

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
  if (decision.effect === 'deny') return decision;
  const problems = [...analysis.unclear, ...unnamed(authority, analysis)];
  if (problems.length === 0) return decision;
  return {
    ...decision,
    effect: 'ask',
    code: 'EXEC_COMMAND_UNCLEAR',
    reason: `the command is not fully understood: ${problems.join('; ')}`,
  };
}

/** An operator who names a program vouches for it with any arguments; a rule for every program does not. */
function unnamed(authority: Authority, { strangers }: CommandAnalysis): readonly string[] {
  return strangers
    .filter((program) => !isNamed(authority, 'exec', program))
    .map((program) => displayCommand(`${program} is a program that is not known and that no rule names`));
}
