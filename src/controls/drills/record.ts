import type { LedgerEvent } from '../../kernel/index.ts';
import type {
  DrillLedger,
  DrillOrder,
  DrillRecord,
  DrillReport,
  DrillResult,
  PastResult,
  PastRun,
} from './types.ts';

const OUTCOMES = { passed: 'success', failed: 'failure', 'not-applicable': 'unknown' } as const;

/** One record per drill: what refused it, what followed, how long it took. */
export function resultEvent(run: string, order: DrillOrder, result: DrillResult): LedgerEvent {
  const { drill, status, why, detectMs, recoverMs, attempts } = result;
  const [first] = attempts;
  const refusedBy = attempts.map((attempt) => attempt.refusedBy).find((by) => by !== null);
  const code = status === 'failed' ? 'DRILL_FAILED' : refusedBy?.code;
  return {
    type: 'drill',
    action: 'drill.ran',
    outcome: OUTCOMES[status],
    ...(code === undefined ? {} : { code }),
    ...(refusedBy === undefined ? {} : { rule: refusedBy.rule }),
    subject: order.subject,
    trace: run,
    data: {
      run,
      drill,
      status,
      why,
      tried: first?.tried ?? '',
      refusedWith: refusedBy?.code ?? '',
      detectMs,
      recoverMs,
      attempts: attempts.map(({ tried, event, alert, problems }) => ({
        tried,
        event: event === null ? null : `${event.writer}/${event.seq}`,
        eventMs: event?.ms ?? null,
        alert: alert?.rule ?? null,
        alertMs: alert?.ms ?? null,
        problems,
      })),
    },
  };
}

export function startEvent(run: string, order: DrillOrder, drills: readonly string[]): LedgerEvent {
  const { subject, scheduled } = order;
  return {
    type: 'drill',
    action: 'drill.started',
    outcome: 'started',
    subject,
    trace: run,
    data: { run, drills, scheduled },
  };
}

export function summaryEvent(order: DrillOrder, report: DrillReport): LedgerEvent {
  const { run, startedAt, durationMs, by, scheduled, passed, failed, notApplicable, ok } = report;
  return {
    type: 'drill',
    action: 'drill.finished',
    outcome: ok ? 'success' : 'failure',
    subject: order.subject,
    trace: run,
    data: { run, startedAt, durationMs, by, scheduled, passed, failed, notApplicable, ok },
  };
}

/** Records of one look, and looks of one question. */
const PAGE = 1_000;
const MAX_PAGES = 20;

export interface HistoryQuery {
  /** Unix milliseconds. */
  readonly since?: number;
  readonly limit: number;
  /** Results of these drills or controls only. */
  readonly names: readonly string[];
}

/** Past runs and results, the newest first, as the ledger holds them. */
export async function drillHistory(
  ledger: Pick<DrillLedger, 'query'>,
  { since, limit, names }: HistoryQuery,
): Promise<{ readonly runs: readonly PastRun[]; readonly results: readonly PastResult[] }> {
  const runs: PastRun[] = [];
  const results: PastResult[] = [];
  const seen = new Set<string>();
  let before: number | undefined;
  for (let pages = 0; pages < MAX_PAGES && (runs.length < limit || results.length < limit); pages++) {
    const records = await ledger.query({
      type: 'drill',
      limit: PAGE,
      ...(since === undefined ? {} : { after: since }),
      ...(before === undefined ? {} : { before }),
    });
    for (const record of [...records].reverse()) {
      const key = `${record.writer}/${record.seq}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (record.action === 'drill.finished') runs.push(pastRun(record));
      if (record.action === 'drill.ran') results.push(pastResult(record));
    }
    const oldest = records[0];
    if (records.length < PAGE || oldest === undefined) break;
    before = oldest.at === before ? oldest.at - 1 : oldest.at + 1;
  }
  const wanted = results.filter(
    ({ drill }) =>
      names.length === 0 || names.includes(drill) || names.includes(drill.split('.', 1)[0] ?? ''),
  );
  return { runs: runs.slice(0, limit), results: wanted.slice(0, limit) };
}

function pastRun({ data = {}, at, subject }: DrillRecord): PastRun {
  return {
    run: text(data['run']),
    startedAt: count(data['startedAt']) || at,
    durationMs: count(data['durationMs']),
    by: text(data['by']) || (subject?.principal ?? ''),
    scheduled: data['scheduled'] === true,
    passed: count(data['passed']),
    failed: count(data['failed']),
    notApplicable: count(data['notApplicable']),
    ok: data['ok'] === true,
  };
}

function pastResult({ data = {}, at, rule = '' }: DrillRecord): PastResult {
  const status = data['status'];
  return {
    run: text(data['run']),
    at,
    drill: text(data['drill']),
    status: status === 'passed' || status === 'not-applicable' ? status : 'failed',
    why: text(data['why']),
    code: text(data['refusedWith']),
    rule,
    detectMs: milliseconds(data['detectMs']),
    recoverMs: milliseconds(data['recoverMs']),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function milliseconds(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
