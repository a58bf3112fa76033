import type { EgressLineShape } from '../../../operations/egress/log.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `1.2 MB`: powers of 1000, as disks and networks count. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

const placeOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  port === 0 ? host : `${host}:${port}`;

export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly class: string;
  readonly allowed: number;
  readonly refused: number;
  readonly sent: number;
  readonly received: number;
}

export function topLines(destinations: readonly Destination[], view: View): readonly string[] {
  return table(
    destinations,
    [
      { title: 'DESTINATION', value: (row) => placeOf(row) },
      { title: 'CLASS', value: (row) => row.class },
      { title: 'ALLOWED', value: (row) => row.allowed },
      { title: 'REFUSED', value: (row) => row.refused },
      { title: 'SENT', value: (row) => formatBytes(row.sent) },
      { title: 'RECEIVED', value: (row) => formatBytes(row.received) },
    ],
    view,
    'Nothing was asked for in this time.',
  );
}

/** One line per decision or end. */
export function egressLine(line: EgressLineShape, view: View): string {
  const bad = line.outcome === 'deny' || line.outcome === 'failure';
  const colour = bad ? 'bad' : line.outcome === 'ask' ? 'warn' : 'good';
  const moved =
    line.what === 'closed' ? `${formatBytes(line.sent)} out, ${formatBytes(line.received)} in` : '';
  const parts = [
    line.what,
    placeOf(line),
    line.class,
    line.code === 'DECISION_ALLOWED' ? '' : line.code,
    moved,
  ];
  const who = [line.agent, line.tool, line.run].filter((part) => part !== '').join(' ');
  const rest = [...parts, line.rule === '' ? '' : `rule ${line.rule}`, who === '' ? '' : `by ${who}`];
  const shown = rest.filter((part) => part !== '').map(shownLine);
  return [
    view.paint('dim', formatInstant(line.at)),
    view.paint(colour, line.outcome.padEnd(7)),
    ...shown,
  ].join('  ');
}

export interface Difference {
  readonly since: number;
  readonly unused: readonly {
    readonly source: string;
    readonly id: string;
    readonly host: string;
    readonly port: number;
    readonly class: string;
    readonly owner: string | null;
    readonly agents: readonly string[];
  }[];
  readonly refused: readonly {
    readonly month: string;
    readonly agent: string;
    readonly host: string;
    readonly port: number;
    readonly code: string;
    readonly count: number;
  }[];
}

export function diffLines({ since, unused, refused }: Difference, view: View): readonly string[] {
  const rules = table(
    unused,
    [
      { title: 'CLASS', value: (row) => row.class },
      { title: 'RULE', value: (row) => placeOf(row) },
      { title: 'SOURCE', value: (row) => row.source },
      { title: 'AGENTS', value: (row) => row.agents.join(', ') },
      { title: 'OWNER', value: (row) => row.owner },
    ],
    view,
    'Every rule was used.',
  );
  const hosts = table(
    refused,
    [
      { title: 'MONTH', value: (row) => row.month },
      { title: 'TIMES', value: (row) => row.count },
      { title: 'HOST', value: (row) => placeOf(row) },
      { title: 'AGENT', value: (row) => row.agent },
      { title: 'CODE', value: (row) => row.code },
    ],
    view,
    'Nothing was refused.',
  );
  return [
    view.paint('strong', `Rules that nobody used since ${formatInstant(since)}`),
    ...rules,
    '',
    view.paint('strong', 'Asked for and refused'),
    ...hosts,
  ];
}

export interface Replayed {
  readonly ok: boolean;
  readonly destinations: number;
  readonly refused: readonly Change[];
  readonly allowed: readonly Change[];
}

interface Change {
  readonly agent: string;
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly bytes: number;
  readonly before: string;
  readonly after: string;
  readonly rule: string;
}

export function replayLines({ ok, destinations, refused, allowed }: Replayed, view: View): readonly string[] {
  if (!ok) return [view.paint('bad', 'The candidate cannot be used.')];
  const changes = (rows: readonly Change[]) =>
    table(
      rows,
      [
        { title: 'HOST', value: (row) => placeOf(row) },
        { title: 'AGENT', value: (row) => row.agent },
        { title: 'TIMES', value: (row) => row.connections },
        { title: 'BYTES', value: (row) => formatBytes(row.bytes) },
        { title: 'NOW', value: (row) => row.before },
        { title: 'THEN', value: (row) => row.after },
        { title: 'RULE', value: (row) => row.rule },
      ],
      view,
      'None.',
    );
  return [
    `${destinations} destinations of recorded traffic were decided again.`,
    '',
    view.paint('strong', `Newly refused: ${refused.length}`),
    ...changes(refused),
    '',
    view.paint('strong', `Newly allowed: ${allowed.length}`),
    ...changes(allowed),
  ];
}

export interface Explained {
  readonly host: string;
  readonly port: number;
  readonly agent: string;
  readonly effect: 'allow' | 'ask' | 'deny';
  readonly code: string;
  readonly layers: readonly {
    readonly layer: string;
    readonly effect: 'allow' | 'ask' | 'deny';
    readonly rule: string | null;
    readonly reason: string | null;
  }[];
  readonly rule: {
    readonly id: string;
    readonly source: string;
    readonly class: string;
    readonly owner: string | null;
    readonly ticket: string | null;
    readonly expiresAt: number | null;
    readonly networks: readonly string[];
  } | null;
  readonly protocol: string;
  readonly tls: string;
  readonly open: readonly string[];
}

export function explainedLines(result: Explained, view: View): readonly string[] {
  const { paint } = view;
  const colour = result.effect === 'allow' ? 'good' : result.effect === 'ask' ? 'warn' : 'bad';
  const head = `${paint(colour, result.effect)}  ${shownLine(placeOf(result))} for ${shownLine(result.agent)}  ${result.code}`;
  const layers = table(
    result.layers,
    [
      { title: 'LAYER', value: (row) => row.layer },
      { title: 'SAYS', value: (row) => row.effect },
      { title: 'BECAUSE OF', value: (row) => row.rule ?? 'no rule' },
      { title: 'REASON', value: (row) => row.reason },
    ],
    view,
    'This agent has no authority at all.',
  );
  const { rule } = result;
  const facts =
    rule === null
      ? []
      : [
          '',
          `rule ${shownLine(rule.id)} (${shownLine(rule.source)}), class ${rule.class}, owner ${shownLine(rule.owner ?? 'nobody')}, ticket ${shownLine(rule.ticket ?? 'none')}`,
          ...(rule.expiresAt === null ? [] : [`ends ${formatInstant(rule.expiresAt)}`]),
          ...(rule.networks.length === 0 ? [] : [`may lead into ${rule.networks.map(shownLine).join(', ')}`]),
        ];
  const speaks = `speaks ${result.protocol}; TLS ${result.tls === 'terminated' ? 'is ended in egress, which looks at requests' : result.tls === 'none' ? 'is not expected' : 'passes as it is'}`;
  const ways = result.open.map((way) => `  ${asTyped(way, view)}`);
  return [
    head,
    '',
    ...layers,
    ...facts,
    '',
    speaks,
    ...(ways.length === 0 ? [] : ['', 'To open it:', ...ways]),
  ];
}
