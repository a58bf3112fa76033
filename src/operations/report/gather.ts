import type { Services } from '../services.ts';
import { changeSections } from './changes.ts';
import type { ReportPeriod } from './period.ts';
import { type Facts, type ReportSection, rateText, section } from './section.ts';
import { spendingSections } from './spending.ts';

/** Rows of one table. */
const TOP = 20;
const HOUR_MS = 3_600_000;

export interface Report {
  readonly title: string;
  readonly install: string;
  readonly from: number;
  readonly until: number;
  /** The period is over. */
  readonly complete: boolean;
  readonly createdAt: number;
  readonly sections: readonly ReportSection[];
}

/** What happened in a period, from hourly sums and from the few records that are read one by one. */
export async function gatherReport(
  services: Services,
  period: ReportPeriod,
  options: { readonly install: string; readonly changedAt?: number },
): Promise<Report> {
  const now = services.clock.now();
  const until = Math.min(period.until, now);
  const facts: Facts = {
    services,
    from: period.from,
    until,
    hours: Math.max(1, (until - period.from) / HOUR_MS),
  };
  return {
    title: `Report ${period.title}`,
    install: options.install,
    from: period.from,
    until: period.until,
    complete: now >= period.until,
    createdAt: now,
    sections: [
      ...(await loginSections(facts, options.changedAt)),
      await egressSection(facts),
      await refusalSection(facts),
      ...(await spendingSections(facts)),
      ...(await changeSections(facts)),
    ],
  };
}

const REFUSED = { type: 'login', action: 'login.refused' } as const;

async function loginSections(facts: Facts, changedAt: number | undefined): Promise<readonly ReportSection[]> {
  const { services, from, until, hours } = facts;
  const { activity } = services;
  const codes = await activity.sums({ ...REFUSED, since: from, until }, ['code'], TOP);
  const [busiest] = await activity.sums({ ...REFUSED, since: from, until }, ['hour'], 1);
  const [all] = await activity.sums({ ...REFUSED, since: from, until }, [], 1);
  const total = all?.count ?? 0;
  const summary = section(
    'logins',
    'Rejected logins',
    ['measure', 'value'],
    [
      ['rejected logins', total],
      ['per hour', rateText(total, hours)],
      [
        'busiest hour',
        busiest === undefined ? 'none' : new Date(busiest.hour * HOUR_MS).toISOString().slice(0, 16),
      ],
      ['rejected in that hour', busiest?.count ?? 0],
    ],
  );
  const byCode = section(
    'logins-by-code',
    'Rejected logins by code',
    ['code', 'count', 'per hour'],
    codes.map(({ code, count }) => [code === '' ? '(various)' : code, count, rateText(count, hours)]),
  );
  if (changedAt === undefined) return [summary, byCode];
  return [summary, await beforeAndAfter(facts, changedAt), byCode];
}

/** Whether a change did what it was made for: the same measure before it and after it, per hour. */
async function beforeAndAfter({ services, from, until }: Facts, changedAt: number): Promise<ReportSection> {
  const { activity } = services;
  const at = Math.floor(Math.min(Math.max(changedAt, from), until) / HOUR_MS) * HOUR_MS;
  const rows = await Promise.all(
    [
      ['before', from, at],
      ['after', at, until],
    ].map(async ([name, since, end]) => {
      const [start, stop] = [Number(since), Number(end)];
      const hours = (stop - start) / HOUR_MS;
      if (hours <= 0) return [String(name), 0, 0, 'no time'];
      const [sum] = await activity.sums({ ...REFUSED, since: start, until: stop }, [], 1);
      const count = sum?.count ?? 0;
      return [String(name), Math.round(hours), count, rateText(count, hours)];
    }),
  );
  const title = `Rejected logins before and after ${new Date(at).toISOString().slice(0, 16)}`;
  return section('logins-before-after', title, ['when', 'hours', 'count', 'per hour'], rows);
}

async function egressSection({ services, from, until }: Facts): Promise<ReportSection> {
  const top = await services.traffic.top({ since: from, until: until - 1 }, 'bytes', TOP);
  return section(
    'egress',
    'Egress by destination',
    ['destination', 'class', 'allowed', 'refused', 'bytes sent', 'bytes received'],
    top.map((row) => [
      row.port === 0 ? row.host : `${row.host}:${row.port}`,
      row.class || 'none',
      row.allowed,
      row.refused,
      row.sent,
      row.received,
    ]),
    'The busiest by bytes; connections that are still open are not in the bytes.',
  );
}

const REFUSALS: ReadonlySet<string> = new Set(['deny', 'failure']);
/** Records of these say that something was found or went wrong, not that somebody was refused. */
const NO_REFUSAL: ReadonlySet<string> = new Set(['alert', 'drill', 'process', 'model', 'tool', 'change']);

async function refusalSection({ services, from, until }: Facts): Promise<ReportSection> {
  const sums = await services.activity.sums(
    { since: from, until },
    ['type', 'action', 'outcome', 'code'],
    5_000,
  );
  const refused = sums
    .filter(({ type, outcome, code }) => REFUSALS.has(outcome) && !NO_REFUSAL.has(type) && code !== '')
    .slice(0, TOP);
  return section(
    'refusals',
    'What was refused most',
    ['code', 'what', 'count'],
    refused.map(({ code, action, count }) => [code, action, count]),
  );
}
