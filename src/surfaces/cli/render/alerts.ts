import type {
  AlertDelivery,
  AlertDetails,
  AlertSilence,
  DestinationStatus,
} from '../../../controls/alerting/types.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, beside, type View } from '../view.ts';
import { table } from './table.ts';

export type Alerted = readonly {
  readonly id: string;
  readonly state: string;
  readonly at: number;
  readonly severity: string;
  readonly rule: string;
  readonly title: string;
  readonly fix: string;
  readonly drill?: string;
}[];

const when = (at: number | null) => (at === null ? null : formatInstant(at));
const colour = (severity: string) => (severity === 'warning' ? 'warn' : 'bad');

export function alertLines(alerts: Alerted, view: View): readonly string[] {
  if (alerts.length === 0) return ['No alerts.'];
  return alerts.flatMap(({ id, state, at, severity, rule, title, fix, drill }) => [
    `${formatInstant(at)}  ${view.paint(colour(severity), severity)}  ${rule}  ${id}  ${state}${drill === undefined ? '' : `  (provoked by the drills ${shownLine(drill)})`}`,
    ...beside('  ', shownLine(title), { indent: 2, columns: view.columns }),
    ...beside('  fix: ', asTyped(shownLine(fix), view), { indent: 7, columns: view.columns }),
  ]);
}

export function detailLines(
  { message, state, acknowledged, count, deliveries }: AlertDetails,
  view: View,
): readonly string[] {
  const taken =
    acknowledged === null
      ? []
      : [
          `Taken by ${shownLine(acknowledged.by)} at ${formatInstant(acknowledged.at)}${acknowledged.note === '' ? '' : `: ${shownLine(acknowledged.note)}`}`,
        ];
  return [
    ...message.split('\n').map((line) => shownLine(line)),
    '',
    `State: ${state}; raised ${count === 1 ? 'once' : `${count} times`}.`,
    ...taken,
    ...table(
      deliveries,
      [
        { title: 'DESTINATION', value: (row: AlertDelivery) => row.destination },
        { title: 'WHAT', value: (row) => row.kind },
        { title: 'STATUS', value: (row) => row.status },
        { title: 'ATTEMPTS', value: (row) => row.attempts },
        { title: 'ENDED', value: (row) => when(row.endedAt) },
        { title: 'WHY', value: (row) => row.reason },
      ],
      view,
      'Nobody was told of this one.',
    ),
  ];
}

export interface TestResult {
  readonly results: readonly {
    readonly destination: string;
    readonly sent: boolean;
    readonly reason: string;
  }[];
}

export function testLines({ results }: TestResult, { paint }: View): readonly string[] {
  return results.map(({ destination, sent, reason }) =>
    sent
      ? `${paint('good', 'sent')}  ${destination}`
      : `${paint('bad', 'not sent')}  ${destination}: ${shownLine(reason)}`,
  );
}

export interface Destinations {
  readonly destinations: readonly DestinationStatus[];
  readonly unacknowledged: number;
}

export function destinationLines(
  { destinations, unacknowledged }: Destinations,
  view: View,
): readonly string[] {
  const lines = table(
    destinations,
    [
      { title: 'DESTINATION', value: (row) => row.name },
      { title: 'TYPE', value: (row) => row.type },
      { title: 'SEVERITIES', value: (row) => row.severities.join(', ') },
      { title: 'LAST SENT', value: (row) => when(row.lastSentAt) },
      { title: 'WAITING', value: (row) => row.waiting },
      { title: 'HELD', value: (row) => row.held },
      { title: 'FAILED', value: (row) => row.failed },
    ],
    view,
    'Nobody is told: alerts.destinations in gatehouse.json is empty. They are in the ledger and in the log.',
  );
  const problems = destinations.flatMap(({ name, problem }) =>
    problem === null ? [] : [`${view.paint('bad', name)}  ${shownLine(problem)}`],
  );
  return [
    ...lines,
    ...problems,
    unacknowledged === 1
      ? '1 alert that was told is not acknowledged.'
      : `${unacknowledged} alerts that were told are not acknowledged.`,
  ];
}

export function silenceLines(silences: readonly AlertSilence[], view: View): readonly string[] {
  return table(
    silences,
    [
      { title: 'NUMBER', value: (row) => row.id },
      { title: 'RULE', value: (row) => row.rule },
      { title: 'UNTIL', value: (row) => when(row.until) },
      { title: 'BY', value: (row) => row.by },
      { title: 'TICKET', value: (row) => row.ticket },
      { title: 'WHY', value: (row) => row.reason },
    ],
    view,
    'No rule is silenced.',
  );
}
