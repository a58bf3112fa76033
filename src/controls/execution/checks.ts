import type { Finding } from '../../kernel/index.ts';
import { patternProblem } from './approvals/standing-pattern.ts';
import type { StandingApproval } from './types.ts';

/** Days without a use after which a standing approval is reported. */
export const UNUSED_DAYS = 30;
const DAY_MS = 86_400_000;

export interface ExecutionFacts {
  readonly standing: readonly StandingApproval[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** What an operator should know about answers that were given in advance (X6). */
export function checkExecution({ standing, now }: ExecutionFacts): readonly Finding[] {
  const open = standing.filter(({ revokedAt, expiresAt }) => revokedAt === null && expiresAt > now);
  return [...open.flatMap(tooWide), ...open.flatMap((approval) => unused(approval, now))];
}

/** Forms are checked when they are made; a later version may know more about a program. */
function tooWide({ name, pattern }: StandingApproval): readonly Finding[] {
  const problem = patternProblem(pattern);
  if (problem === undefined) return [];
  return [
    {
      id: 'APPROVAL_STANDING_TOO_WIDE',
      severity: 'high',
      title: `the standing approval ${name} is too wide`,
      expected: 'a narrow form of a program whose options are known',
      found: `${pattern}: ${problem}`,
      fix: `gatehouse approvals standing revoke ${name}`,
      requirements: ['X6'],
    },
  ];
}

function unused({ name, pattern, createdAt, lastUsedAt }: StandingApproval, now: number): readonly Finding[] {
  const idle = Math.floor((now - (lastUsedAt ?? createdAt)) / DAY_MS);
  if (idle < UNUSED_DAYS) return [];
  return [
    {
      id: 'APPROVAL_STANDING_UNUSED',
      severity: 'low',
      title: `nobody has used the standing approval ${name} for ${idle} days`,
      expected: 'answers in advance for what is really asked',
      found: pattern,
      fix: `gatehouse approvals standing revoke ${name}`,
      requirements: ['X6'],
    },
  ];
}
