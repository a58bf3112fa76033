import type { RunningAuth } from '../controls/auth/index.ts';
import type { LedgerService } from '../controls/trace/types.ts';
import type { Alerts } from '../kernel/index.ts';

/** Records of one look into the ledger. */
const PAGE = 1_000;

/** What the ledger says was revoked stays revoked, also when an older database was put back (attack 81). */
export async function bringNothingBack(
  auth: Pick<RunningAuth, 'start'>,
  ledger: Pick<LedgerService, 'query'>,
  alerts: Alerts,
): Promise<void> {
  const revoked = new Set<string>();
  let before: number | undefined;
  for (let pages = 0; pages < PAGE; pages++) {
    const bound = before === undefined ? {} : { before };
    const records = await ledger.query({ type: 'change', action: 'token.revoked', limit: PAGE, ...bound });
    for (const { data } of records) if (typeof data?.['id'] === 'string') revoked.add(data['id']);
    const oldest = records[0];
    if (records.length < PAGE || oldest === undefined) break;
    before = oldest.at === before ? oldest.at - 1 : oldest.at;
  }
  const brought = await auth.start([...revoked]);
  if (brought.length === 0) return;
  alerts.raise({
    rule: 'auth.restored-credential',
    code: 'AUTH_TOKEN_REVOKED',
    severity: 'critical',
    title: `state.db said that ${brought.length} revoked tokens are valid; they were revoked again`,
    fix: 'Find out who put an older state.db back, and compare it with your backups.',
    data: { tokens: brought },
  });
}
