import type { DrillReport, DrillResult, PastResult, PastRun } from '../../../controls/drills/types.ts';
import type { ListedDrill } from '../../../operations/drill/schema.ts';
import { shownLine, type Tone } from '../terminal.ts';
import { formatDuration, formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

const WORDS = { passed: 'pass', failed: 'FAIL', 'not-applicable': 'n/a' } as const;
const TONES: Readonly<Record<DrillResult['status'], Tone>> = {
  passed: 'good',
  failed: 'bad',
  'not-applicable': 'dim',
};

function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-';
  return ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms);
}

/** One drill: what was tried, what refused it, what followed, and how long that took. */
export function drillLine(result: DrillResult, view: View): readonly string[] {
  const { drill, status, title, why, attempts, noEvent, noAlert, detectMs, recoverMs } = result;
  const mark = view.paint(TONES[status], WORDS[status].padEnd(4));
  const times =
    status === 'not-applicable'
      ? ''
      : `  detected in ${milliseconds(detectMs)}, as before after ${milliseconds(recoverMs)}`;
  const lines = [`${mark}  ${view.paint('strong', drill)}${view.paint('dim', times)}`];
  if (status === 'not-applicable') return [...lines, `      ${shownLine(why)}`];
  if (attempts.length === 0) return [...lines, `      ${title}`, `      ${shownLine(why)}`];
  for (const { tried, refusedBy, event, alert, problems, note } of attempts) {
    const by = refusedBy === null ? 'nothing' : `${refusedBy.code} (${refusedBy.rule})`;
    const unrecorded = noEvent === '' ? 'none' : `none by design: ${noEvent}`;
    const record =
      event === null
        ? unrecorded
        : `${event.action} ${event.writer}/${event.seq} after ${milliseconds(event.ms)}`;
    const none = noAlert === '' ? 'none' : `none by design: ${noAlert}`;
    const told = alert === null ? none : `${alert.rule} after ${milliseconds(alert.ms)}`;
    lines.push(
      `      tried    ${shownLine(tried)}`,
      `      ${/^[a-z]/.test(refusedBy?.code ?? '') ? 'noticed' : 'refused'}  ${shownLine(by)}`,
      `      event    ${shownLine(record)}`,
      `      alert    ${shownLine(told)}`,
      ...(note === '' ? [] : [view.paint('dim', `      note     ${shownLine(note)}`)]),
      ...problems.map((problem) => view.paint('bad', `      problem  ${shownLine(problem)}`)),
    );
  }
  const own = attempts.flatMap(({ problems }) => problems);
  if (status === 'failed' && own.length === 0)
    lines.push(view.paint('bad', `      problem  ${shownLine(why)}`));
  return lines;
}

export function reportLines(report: DrillReport, view: View): readonly string[] {
  const { results, passed, failed, notApplicable, durationMs, run, ok } = report;
  const order = { failed: 2, 'not-applicable': 0, passed: 1 } as const;
  // What failed comes last, where it is read first.
  const sorted = [...results].sort((a, b) => order[a.status] - order[b.status]);
  const sum = `${passed} passed, ${failed} failed, ${notApplicable} not applicable in ${formatDuration(durationMs)} (${run})`;
  const again = results.filter(({ status }) => status === 'failed').map(({ drill }) => drill);
  return [
    ...sorted.flatMap((result) => drillLine(result, view)),
    '',
    view.paint(ok ? 'good' : 'bad', sum),
    ...(again.length === 0
      ? []
      : [asTyped(`To try these again: gatehouse drill run ${again.join(' ')}`, view)]),
    ...(passed === 0 && failed === 0 ? ['Nothing could be tried here, so nothing is proven.'] : []),
  ];
}

export function drillListLines(drills: readonly ListedDrill[], view: View): readonly string[] {
  return table(
    drills,
    [
      { title: 'DRILL', value: ({ drill }) => drill },
      { title: 'TRIES', value: ({ title }) => title },
      { title: 'REFUSED WITH', value: ({ codes }) => codes.join(', ') },
      { title: 'ALERT', value: ({ alert }) => alert },
    ],
    view,
    'No drills.',
  );
}

export function historyLines(
  { runs, results }: { readonly runs: readonly PastRun[]; readonly results: readonly PastResult[] },
  view: View,
): readonly string[] {
  return [
    ...table(
      runs,
      [
        { title: 'RUN', value: ({ run }) => run },
        { title: 'WHEN', value: ({ startedAt }) => formatInstant(startedAt) },
        { title: 'BY', value: ({ by, scheduled }) => (scheduled ? 'the schedule' : by) },
        { title: 'PASSED', value: ({ passed }) => passed },
        { title: 'FAILED', value: ({ failed }) => failed },
        { title: 'N/A', value: ({ notApplicable }) => notApplicable },
        { title: 'TOOK', value: ({ durationMs }) => formatDuration(durationMs) },
      ],
      view,
      'No drills have run.',
    ),
    '',
    ...table(
      results,
      [
        { title: 'DRILL', value: ({ drill }) => drill },
        { title: 'RESULT', value: ({ status }) => WORDS[status] },
        { title: 'WHEN', value: ({ at }) => formatInstant(at) },
        { title: 'REFUSED WITH', value: ({ code }) => code },
        { title: 'DETECTED', value: ({ detectMs }) => milliseconds(detectMs) },
        { title: 'AS BEFORE', value: ({ recoverMs }) => milliseconds(recoverMs) },
        { title: 'WHY', value: ({ why }) => why },
      ],
      view,
      'No results.',
    ),
  ];
}
