import type { Finding } from '../../kernel/index.ts';
import type { TokenSummary } from './types.ts';

const DAY_MS = 86_400_000;
/** A token that nobody used for so long is not needed, and nobody would miss it. */
const UNUSED_DAYS = 90;
/** Days before the end of a token on which its owner should hear of it. */
const ENDING_DAYS = 7;
/** Days after which an administrator's token without bounds is no longer one for setting up. */
const SETTLED_DAYS = 30;
/** More administrators than this are more than anybody watches. */
const MANY_ADMINISTRATORS = 5;

function days(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function administers({ scopes }: TokenSummary): boolean {
  return scopes.includes('operator.admin');
}

function ageFindings(token: TokenSummary, now: number): readonly Finding[] {
  const { name, id, createdAt, lastUsedAt, expiresAt } = token;
  const findings: Finding[] = [];
  const idle = days(now - (lastUsedAt ?? createdAt));
  if (idle >= UNUSED_DAYS)
    findings.push({
      id: 'auth.token-unused',
      severity: 'warning',
      title: `nobody has used the token ${name} for ${idle} days`,
      expected: `used within ${UNUSED_DAYS} days, or revoked`,
      found: lastUsedAt === null ? 'never used' : `last used ${new Date(lastUsedAt).toISOString()}`,
      fix: `gatehouse token revoke ${id}`,
      requirements: ['A2', 'D3'],
    });
  if (expiresAt !== null && days(expiresAt - now) < ENDING_DAYS)
    findings.push({
      id: 'auth.token-ends-soon',
      severity: 'low',
      title: `the token ${name} ends soon`,
      expected: 'a rotation before the end',
      found: new Date(expiresAt).toISOString(),
      fix: `gatehouse token rotate ${name} --ticket TICKET`,
      requirements: ['A3'],
    });
  return findings;
}

function powerFindings(token: TokenSummary, now: number): readonly Finding[] {
  const { name, expiresAt, addresses, owner } = token;
  // The token of the first start is for setting the install up; one that is still there later should be bound.
  if (!administers(token) || days(now - token.createdAt) < SETTLED_DAYS) return [];
  const lacking = [
    ...(expiresAt === null ? ['an end'] : []),
    ...(addresses.length === 0 ? ['a list of addresses'] : []),
    ...(owner === '' ? ['an owner'] : []),
  ];
  if (expiresAt !== null && owner !== '') return [];
  return [
    {
      id: 'auth.admin-token-unbounded',
      severity: 'low',
      title: `the administrator's token ${name} has no ${lacking.map((word) => word.replace(/^an? /, '')).join(', no ')}`,
      expected: 'an owner, an end and a list of addresses',
      found: `without ${lacking.join(', ')}`,
      fix: `gatehouse token issue ${name}-2 --scopes operator.admin --owner NAME --expires-in 30d --addresses CIDR, then revoke ${name}.`,
      requirements: ['A2'],
    },
  ];
}

/** Findings about credentials that are stored (A2, A3, D3). */
export function checkTokens(tokens: readonly TokenSummary[], now: number): readonly Finding[] {
  const live = tokens.filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now),
  );
  const administrators = live.filter(administers);
  return [
    ...live.flatMap((token) => [...ageFindings(token, now), ...powerFindings(token, now)]),
    ...(administrators.length <= MANY_ADMINISTRATORS
      ? []
      : [
          {
            id: 'auth.many-administrators',
            severity: 'warning',
            title: `${administrators.length} tokens may do everything`,
            expected: `at most ${MANY_ADMINISTRATORS}`,
            found: administrators.map(({ name }) => name).join(', '),
            fix: 'Give each consumer the scopes that it uses: gatehouse token status shows who uses what.',
            requirements: ['A2', 'D3'],
          } as const,
        ]),
  ];
}
