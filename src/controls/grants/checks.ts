import type { Finding, Grant } from '../../kernel/index.ts';
import { described } from './service.ts';
import type { GrantRecord } from './types.ts';

const DAY_MS = 86_400_000;
/** Days after which a grant of the configuration looks like policy. */
const LONG_DAYS = 30;

export interface GrantFacts {
  readonly granted: readonly GrantRecord[];
  /** Those that stand in the configuration. */
  readonly configured: readonly Grant[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** Every widening that is in force, the loud ones first (D7). */
export function checkGrants({ granted, configured, now }: GrantFacts): readonly Finding[] {
  const active = granted.filter(({ status }) => status === 'active');
  const waiting = granted.filter(({ status }) => status === 'waiting');
  return [
    ...active.filter(({ breakglass }) => breakglass).map((record) => inForce(record, 'high')),
    ...active.filter(({ breakglass }) => !breakglass).map((record) => inForce(record, 'info')),
    ...waiting.map((record): Finding => {
      const title = `${record.requestedBy} waits for somebody to approve ${described(record)} (${record.ticket})`;
      return finding(
        'GRANT_WAITS',
        'info',
        title,
        'an answer',
        'none yet',
        `gatehouse grant approve ${record.id}, or revoke it.`,
      );
    }),
    ...configured
      .filter(({ expires }) => expires > now + LONG_DAYS * DAY_MS)
      .map((grant) =>
        finding(
          'GRANT_LONG',
          'low',
          `the grant ${grant.id} of the configuration lasts more than ${LONG_DAYS} days`,
          'a change of policy with a review, or a shorter time',
          new Date(grant.expires).toISOString(),
          'Put the lasting need into the playbook, or shorten the grant.',
        ),
      ),
  ];
}

function finding(
  id: string,
  severity: Finding['severity'],
  title: string,
  expected: string,
  found: string,
  fix: string,
): Finding {
  return { id, severity, title, expected, found, fix, requirements: ['D7'] };
}

function inForce(record: GrantRecord, severity: Finding['severity']): Finding {
  const id = record.breakglass ? 'GRANT_BREAKGLASS_OPEN' : 'GRANT_IN_FORCE';
  const ends = new Date(record.expiresAt).toISOString();
  const title = `${described(record)} is granted until ${ends} (${record.owner}, ${record.ticket})`;
  const fix = `It ends by itself; gatehouse grant revoke ${record.id} ends it now.`;
  return finding(id, severity, title, 'only widenings that somebody needs now', record.reason, fix);
}
