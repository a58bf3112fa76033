import { drillHistory } from '../../controls/drills/index.ts';
import { described } from '../../controls/grants/index.ts';
import type { Services } from '../services.ts';
import { durationText, type Facts, type ReportSection, section } from './section.ts';

const MAX_RECORDS = 1_000;
const MAX_ROWS = 50;

/** Who was put out, what was tried, what was widened, and what people were told. */
export async function changeSections(facts: Facts): Promise<readonly ReportSection[]> {
  return [
    await revocationSection(facts),
    ...(await drillSections(facts)),
    await grantSection(facts),
    await approvalSection(facts),
    await alertSection(facts),
    await ledgerSection(facts),
  ];
}

/** From the moment that a live token was found lying about to the moment that it was worth nothing. */
async function revocationSection({ services, from, until }: Facts): Promise<ReportSection> {
  const within = { after: from - 1, before: until, limit: MAX_RECORDS };
  const revoked = await services.ledger.query({ type: 'change', action: 'token.revoked', ...within });
  const exposed = await services.ledger.query({ type: 'alert', action: 'auth.token-exposed', ...within });
  const at = new Map(revoked.map(({ data, at: when }) => [String(data?.['id']), when]));
  const found = new Map<string, number>();
  for (const { data, at: when } of exposed) {
    const id = String((data?.['facts'] as { readonly token?: unknown } | undefined)?.token ?? '');
    if (id !== '' && !found.has(id)) found.set(id, when);
  }
  const times = [...found].flatMap(([id, since]) => {
    const end = at.get(id);
    return end === undefined || end < since ? [] : [end - since];
  });
  const mean =
    times.length === 0 ? 'nothing to measure' : durationText(times.reduce((a, b) => a + b) / times.length);
  return section(
    'revocations',
    'Revocations',
    ['measure', 'value'],
    [
      ['tokens revoked', revoked.length],
      ['live tokens found lying about', found.size],
      ['of these revoked', times.length],
      ['mean time to revoke', mean],
      [
        'longest time to revoke',
        times.length === 0 ? 'nothing to measure' : durationText(Math.max(...times)),
      ],
    ],
    'Time to revoke: from the first alert auth.token-exposed of a token to its revocation. A revocation counts at once.',
  );
}

async function drillSections({ services, from, until }: Facts): Promise<readonly ReportSection[]> {
  const { runs, results } = await drillHistory(services.ledger, {
    names: [],
    since: from - 1,
    limit: MAX_RECORDS,
  });
  const own = results.filter(({ at }) => at < until);
  const by = new Map<string, { tries: number; passed: number; failed: number; detect: number[] }>();
  for (const { drill, status, detectMs } of own) {
    const known = by.get(drill) ?? { tries: 0, passed: 0, failed: 0, detect: [] };
    known.tries += 1;
    if (status === 'passed') known.passed += 1;
    if (status === 'failed') known.failed += 1;
    if (detectMs !== null) known.detect.push(detectMs);
    by.set(drill, known);
  }
  const count = (status: string) => own.filter((result) => result.status === status).length;
  const mean = (times: readonly number[]) =>
    times.length === 0 ? 'none' : `${Math.round(times.reduce((a, b) => a + b) / times.length)} ms`;
  return [
    section(
      'drills-total',
      'Drills',
      ['measure', 'value'],
      [
        ['runs', runs.filter(({ startedAt }) => startedAt < until).length],
        ['drills passed', count('passed')],
        ['drills failed', count('failed')],
        ['not applicable here', count('not-applicable')],
        ['mean time to detect', mean([...by.values()].flatMap(({ detect }) => detect))],
      ],
    ),
    section(
      'drills',
      'Drills by name',
      ['drill', 'tries', 'passed', 'failed', 'mean time to detect'],
      [...by]
        .sort(([, a], [, b]) => b.failed - a.failed || b.tries - a.tries)
        .slice(0, MAX_ROWS)
        .map(([drill, { tries, passed, failed, detect }]) => [drill, tries, passed, failed, mean(detect)]),
    ),
  ];
}

async function grantSection({ services, from, until }: Facts): Promise<ReportSection> {
  const made = (await services.grants.list(true)).filter(
    ({ createdAt, expiresAt, endedAt }) => createdAt < until && (endedAt ?? expiresAt) >= from,
  );
  const day = (at: number) => new Date(at).toISOString().slice(0, 16);
  return section(
    'grants',
    'Grants that were open',
    ['grant', 'what', 'owner', 'ticket', 'from', 'until', 'emergency'],
    made
      .slice(0, MAX_ROWS)
      .map((grant) => [
        grant.id,
        described(grant),
        grant.owner,
        grant.ticket,
        day(grant.createdAt),
        day(grant.endedAt ?? grant.expiresAt),
        grant.breakglass ? 'yes' : 'no',
      ]),
    made.length > MAX_ROWS ? `${made.length - MAX_ROWS} more are not shown.` : '',
  );
}

async function countsBy(
  { services, from, until }: Facts,
  type: 'approval' | 'alert',
  by: readonly ('action' | 'detail')[],
) {
  return services.activity.sums({ type, since: from, until }, by, MAX_ROWS);
}

async function approvalSection(facts: Facts): Promise<ReportSection> {
  const counts = await countsBy(facts, 'approval', ['action']);
  return section(
    'approvals',
    'Approvals',
    ['what', 'count'],
    counts.map(({ action, count }) => [action.replace(/^approval\./, ''), count]),
  );
}

async function alertSection(facts: Facts): Promise<ReportSection> {
  const counts = await countsBy(facts, 'alert', ['action', 'detail']);
  return section(
    'alerts',
    'Alerts by rule',
    ['rule', 'severity', 'count'],
    counts.map(({ action, detail, count }) => [action, detail || 'warning', count]),
    'Those that drills provoked are in the counts.',
  );
}

async function ledgerSection({ services, from, until }: Facts): Promise<ReportSection> {
  const [all] = await services.activity.sums({ since: from, until }, [], 1);
  const { heads, unsigned } = await services.ledger.extent();
  const snapshots = await snapshotsIn(services, from, until);
  return section(
    'ledger',
    'Ledger and configuration',
    ['measure', 'value'],
    [
      ['events of the period', all?.count ?? 0],
      ...heads.map(({ writer, seq }) => [`head of ${writer}`, seq]),
      ['records not signed yet', unsigned],
      ['configurations applied', snapshots],
    ],
  );
}

async function snapshotsIn({ config }: Services, from: number, until: number): Promise<number> {
  return (await config.history()).filter(({ at }) => at >= from && at < until).length;
}
