import type { Rule } from '../../kernel/index.ts';
import { parseExpiry } from '../dates.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';

export interface WrittenFacts {
  readonly owner?: string;
  readonly ticket?: string;
  readonly reason?: string;
  readonly expires?: string;
}

/** Who, why and until when, as the kernel keeps it. A denial has no end: it does not lapse by itself. */
export function ruleFacts(
  written: WrittenFacts,
  effect: Rule['effect'] | 'otherwise',
  at: readonly Segment[],
  issues: Issues,
): Pick<Rule, 'owner' | 'ticket' | 'reason' | 'expires'> {
  const { owner, ticket, reason, expires } = written;
  const end = expires === undefined ? undefined : parseExpiry(expires);
  const endless = effect === 'deny' || effect === 'otherwise';
  if (expires !== undefined && (end === undefined || endless)) {
    const message = endless ? 'a denial does not expire' : 'not an ISO 8601 date, or a time with a zone';
    issues.error([...at, 'expires'], 'CONFIG_BAD_VALUE', { message });
  }
  return {
    ...(owner === undefined ? {} : { owner }),
    ...(ticket === undefined ? {} : { ticket }),
    ...(reason === undefined ? {} : { reason }),
    ...(end === undefined ? {} : { expires: end }),
  };
}
