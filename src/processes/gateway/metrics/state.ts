import type { BudgetLine } from '../../../controls/budget/types.ts';
import { type Family, OTHER, type Sample } from '../../../controls/metrics/index.ts';
import type { DestinationTotals } from '../../../controls/traffic/types.ts';
import type { MetricParts } from './parts.ts';

/** Approvals that are counted one by one. */
const MAX_WAITING = 1_000;
/** Destinations of the day that are named. */
const TOP = 10;
const DAY_MS = 86_400_000;

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples };
}

const plain = (value: number): readonly Sample[] => [{ labels: {}, value }];
const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1_000));

/** What is waiting for a person, open, or in force. */
export async function peopleFamilies({ core, alerting, clock }: MetricParts): Promise<readonly Family[]> {
  const now = clock.now();
  const pending = await core.approvals.list({ status: 'pending', limit: MAX_WAITING });
  const oldest = Math.min(now, ...pending.map(({ createdAt }) => createdAt));
  const grants = (await core.grants.list()).filter(({ status }) => status === 'active');
  const ends = grants.map(({ expiresAt }) => expiresAt);
  const destinations = await alerting.destinations();
  return [
    gauge('gatehouse_approvals_waiting', 'Approvals that wait for a person.', plain(pending.length)),
    gauge(
      'gatehouse_approvals_oldest_seconds',
      'How long the oldest of them has waited; 0 when none does.',
      plain(seconds(now - oldest)),
    ),
    gauge(
      'gatehouse_grants_open',
      'Grants by command that are in force, by kind.',
      grants.map(({ kind, breakglass }) => ({ labels: { kind, breakglass: String(breakglass) }, value: 1 })),
    ),
    gauge(
      'gatehouse_grants_next_end_seconds',
      'Seconds until the next of them ends; 0 when there is none.',
      plain(ends.length === 0 ? 0 : seconds(Math.min(...ends) - now)),
    ),
    gauge(
      'gatehouse_alerts_unacknowledged',
      'Alerts that were told and that nobody has acknowledged.',
      plain(await alerting.open()),
    ),
    gauge(
      'gatehouse_alert_deliveries_waiting',
      'Messages about alerts that are still to be sent, by destination.',
      destinations.map(({ name, waiting, held }) => ({
        labels: { destination: name },
        value: waiting + held,
      })),
    ),
    gauge(
      'gatehouse_alert_destination_up',
      '1 while the last attempt to reach this destination worked, 0 after one that did not.',
      destinations.map(({ name, problem }) => ({
        labels: { destination: name },
        value: problem === null ? 1 : 0,
      })),
    ),
  ];
}

/** Principals and senders are people's and strangers' names: they share one series each, the fullest counts. */
function budgetScope({ scope }: BudgetLine): string {
  if (scope === 'install' || scope.startsWith('agent:')) return scope;
  return scope.startsWith('sender:') ? 'fullest_sender' : 'fullest_principal';
}

export async function budgetFamilies({ core }: MetricParts): Promise<readonly Family[]> {
  const lines = await core.budget.show();
  const fullest = new Map<string, Sample>();
  for (const line of lines) {
    const { measure, period, used, reserved, limit } = line;
    const labels = { scope: budgetScope(line), measure, period };
    const value = limit === 0 ? 1 : (used + reserved) / limit;
    const key = JSON.stringify(labels);
    if (value >= (fullest.get(key)?.value ?? 0)) fullest.set(key, { labels, value });
  }
  const install = lines.filter(({ scope }) => scope === 'install');
  const of = (what: 'used' | 'limit') =>
    install.map((line) => ({ labels: { measure: line.measure, period: line.period }, value: line[what] }));
  return [
    gauge('gatehouse_budget_used_ratio', 'Share of each limit that is used or set aside.', [
      ...fullest.values(),
    ]),
    gauge(
      'gatehouse_budget_used',
      'What the install has used in this period; money in whole units.',
      of('used'),
    ),
    gauge('gatehouse_budget_limit', 'What the install may use in this period.', of('limit')),
  ];
}

export async function listenFamilies(parts: MetricParts): Promise<readonly Family[]> {
  const { runtime, certificates, clock, channels } = parts;
  const listeners = await runtime.listeners();
  const planes = new Map<string, number>();
  for (const { plane, declared } of listeners) if (declared) planes.set(plane, (planes.get(plane) ?? 0) + 1);
  const accounts = await channels.status();
  return [
    gauge(
      'gatehouse_listeners',
      'Sockets that Gatehouse listens on, as the kernel reports them, by plane.',
      [...planes].map(([plane, value]) => ({ labels: { plane }, value })),
    ),
    gauge(
      'gatehouse_listeners_undeclared',
      'Sockets of our processes that nothing declares; more than 0 is drift.',
      plain(listeners.filter(({ declared }) => !declared).length),
    ),
    gauge(
      'gatehouse_certificate_days_left',
      'Days until the certificate of a listener ends.',
      certificates().map(({ plane, address, expires }) => ({
        labels: { plane, address },
        value: Math.floor((expires - clock.now()) / DAY_MS),
      })),
    ),
    gauge(
      'gatehouse_channel_up',
      '1 while an account of a chat channel is connected.',
      accounts.map(({ channel, account, state }) => ({
        labels: { channel, account },
        value: state === 'connected' ? 1 : 0,
      })),
    ),
    gauge(
      'gatehouse_channel_waiting',
      'Messages of an account that are not finished: received and not answered, and answers not sent.',
      accounts.map(({ channel, account, waiting, toSend }) => ({
        labels: { channel, account },
        value: waiting + toSend,
      })),
    ),
    gauge('gatehouse_sandbox_runs_open', 'Runs in sandboxes at this moment.', plain(parts.core.runs.open)),
  ];
}

export async function ledgerFamilies({ core, clock, proof }: MetricParts): Promise<readonly Family[]> {
  const { heads, unsigned, oldestUnsignedAt } = await core.ledger.extent();
  const last = proof.last();
  return [
    gauge(
      'gatehouse_ledger_head',
      'Number of the last record, by the process that writes.',
      heads.map(({ writer, seq }) => ({ labels: { writer }, value: seq })),
    ),
    gauge('gatehouse_ledger_unsigned_records', 'Records that no signature covers yet.', plain(unsigned)),
    gauge(
      'gatehouse_ledger_unsigned_seconds',
      'Age of the oldest of them; 0 when there is none.',
      plain(oldestUnsignedAt === null ? 0 : seconds(clock.now() - oldestUnsignedAt)),
    ),
    gauge(
      'gatehouse_ledger_verified',
      '1 when the last proof of the whole ledger held, 0 when it did not; absent before the first.',
      last === undefined ? [] : plain(last.ok ? 1 : 0),
    ),
    gauge(
      'gatehouse_ledger_verified_age_seconds',
      'Seconds since that proof.',
      last === undefined ? [] : plain(seconds(last.ageMs)),
    ),
  ];
}

/** Hosts by the pattern of the rule that opened them: a run that invents names below a wildcard adds no series. */
function patternOf(host: string, patterns: readonly string[]): string {
  if (patterns.includes(host)) return host;
  const wildcard = `*.${host.slice(host.indexOf('.') + 1)}`;
  return patterns.includes(wildcard) ? wildcard : OTHER;
}

export async function egressFamilies({ core, egress, clock }: MetricParts): Promise<readonly Family[]> {
  const { writtenEgress, providerRules } = core.config.current();
  const patterns = [...writtenEgress.map(({ spec }) => spec.host), ...providerRules.map(({ host }) => host)];
  const since = clock.now() - DAY_MS;
  const top: readonly DestinationTotals[] = await core.traffic.top({ since }, 'bytes', TOP);
  const [status, exports] = await Promise.all([
    egress.status().catch(() => undefined),
    egress.exports().catch(() => []),
  ]);
  return [
    gauge('gatehouse_egress_up', '1 while the egress process answers.', plain(status === undefined ? 0 : 1)),
    gauge('gatehouse_egress_open_connections', 'Connections that are open.', plain(status?.connections ?? 0)),
    gauge('gatehouse_egress_open_runs', 'Runs that have a way out.', plain(status?.openRuns ?? 0)),
    gauge(
      'gatehouse_egress_top_destination_bytes',
      `Bytes of the last day of the ${TOP} busiest destinations, by the host of their rule.`,
      top.map(({ host, sent, received }) => ({
        labels: { destination: patternOf(host, patterns) },
        value: sent + received,
      })),
    ),
    gauge(
      'gatehouse_export_waiting_records',
      'Records of the ledger that a collector has not taken yet.',
      exports.map(({ name, waiting }) => ({ labels: { destination: name }, value: waiting })),
    ),
    gauge(
      'gatehouse_export_lag_seconds',
      'Age of the oldest of them; 0 when there is none.',
      exports.map(({ name, oldestWaitingAt }) => ({
        labels: { destination: name },
        value: oldestWaitingAt === null ? 0 : seconds(clock.now() - oldestWaitingAt),
      })),
    ),
  ];
}
