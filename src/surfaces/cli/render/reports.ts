import type { StoredMessage, ToolOutcome } from '../../../agents/types.ts';
import type { VerifyReport } from '../../../controls/trace/types.ts';
import { type EgressStatus, type EgressVerdict, type Finding, hostAndPort } from '../../../kernel/index.ts';
import type { MeasuredListener, PostureLine } from '../../../operations/services.ts';
import type { StartReport } from '../io.ts';
import { type Paint, shown, shownJson, shownLine, type Tone } from '../terminal.ts';
import { formatDuration, formatInstant } from '../time.ts';
import { asTyped, beside, type View } from '../view.ts';
import { textLines } from './lists.ts';
import { pairs, table } from './table.ts';

const EFFECT_TONE: Readonly<Record<string, Tone>> = { allow: 'good', ask: 'warn', deny: 'bad' };

export function effectText(effect: string, paint: Paint): string {
  return paint(EFFECT_TONE[effect] ?? 'bad', shownLine(effect));
}

export interface GatewayReport {
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly ready: boolean;
  readonly failing: readonly string[];
  readonly config: { readonly hash: string; readonly snapshot: number };
  readonly listeners: readonly MeasuredListener[];
  readonly posture: readonly PostureLine[];
  readonly egress: EgressStatus | null;
}

function postureLines(posture: readonly PostureLine[], view: View): readonly string[] {
  const width = Math.max(0, ...posture.map(({ area }) => area.length));
  return posture.flatMap(({ area, required, measured, holds }) => {
    const mark = holds ? view.paint('good', 'holds') : view.paint('bad', 'FAILS');
    const wanted = holds ? '' : ` (required: ${shownLine(required)})`;
    return beside(`${mark}  ${shownLine(area).padEnd(width)}  `, `${shownLine(measured)}${wanted}`, {
      indent: width + 'holds'.length + 4,
      columns: view.columns,
    });
  });
}

export function gatewayLines(report: GatewayReport, view: View): readonly string[] {
  const { egress } = report;
  const head = pairs(
    [
      ['gateway', report.ready ? 'ready' : `not ready: ${report.failing.join(', ')}`],
      ['version', report.version],
      ['process', report.pid],
      ['up for', formatDuration(report.uptimeMs)],
      ['configuration', `snapshot ${report.config.snapshot}, ${report.config.hash.slice(0, 12)}`],
      ['egress', egress === null ? 'does not answer' : `process ${egress.pid}, ${egress.openRuns} open runs`],
    ],
    view,
  );
  return [...head, '', ...postureLines(report.posture, view), '', ...listenerLines(report.listeners, view)];
}

/** Sockets as the kernel reports them; what nothing declares stands out. */
export function listenerLines(listeners: readonly MeasuredListener[], view: View): readonly string[] {
  return table(
    listeners,
    [
      { title: 'LISTENS', value: (row) => hostAndPort(row) },
      { title: 'PLANE', value: (row) => row.plane },
      { title: 'PROCESS', value: (row) => `${row.process} ${row.pid}` },
      { title: 'DECLARED', value: (row) => row.declared },
    ],
    view,
    'Nothing listens.',
  );
}

const SEVERITY_TONE: Readonly<Record<Finding['severity'], Tone>> = {
  info: 'dim',
  low: 'dim',
  warning: 'warn',
  high: 'bad',
  critical: 'bad',
};

export function findingLines(findings: readonly Finding[], view: View): readonly string[] {
  if (findings.length === 0) return [view.paint('good', 'Everything that was checked is in order.')];
  const field = (name: string, text: string) =>
    beside(`  ${name.padEnd(10)}`, text, { indent: 12, columns: view.columns });
  return findings.flatMap(({ severity, id, title, expected, found, fix, drill }) => [
    ...beside(`${view.paint(SEVERITY_TONE[severity], severity)}  `, `${shownLine(id)}: ${shownLine(title)}`, {
      indent: severity.length + 2,
      columns: view.columns,
    }),
    // A title that already says what was found is not repeated.
    ...(title.includes(found)
      ? []
      : [...field('expected:', shownLine(expected)), ...field('found:', shownLine(found))]),
    ...field('fix:', shownLine(asTyped(fix, view))),
    ...(drill === undefined ? [] : field('prove:', shownLine(asTyped(`gatehouse drill run ${drill}`, view)))),
  ]);
}

function counts(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export function verifyLines(report: VerifyReport, view: View): readonly string[] {
  const unsigned = report.unsigned === 0 ? '' : `, ${report.unsigned} not signed yet`;
  const counted = `${counts(report.records, 'record')} and ${counts(report.checkpoints, 'signature')} checked${unsigned}`;
  if (report.ok) return [`${view.paint('good', 'The ledger is whole')}: ${counted}.`];
  const problems = report.problems.map(
    ({ writer, seq, code, message }) =>
      `${view.paint('bad', code)} ${shownLine(`${writer}#${seq}: ${message}`)}`,
  );
  const more = report.problemsOmitted === 0 ? [] : [`and ${report.problemsOmitted} more problems`];
  return [`${view.paint('bad', 'The ledger was changed')}: ${counted}.`, ...problems, ...more];
}

export function verdictLines(verdict: EgressVerdict, view: View): readonly string[] {
  const head = `${effectText(verdict.effect, view.paint)}  ${shownLine(verdict.code)}`;
  const rest = pairs(
    [
      ['rule', verdict.rule],
      ['reason', verdict.reason],
      ...(verdict.effect === 'allow' ? [] : [['fix', asTyped(verdict.fix, view)] as const]),
    ],
    view,
  );
  return [head, ...rest];
}

export function toolOutcomeLines(outcome: ToolOutcome, view: View): readonly string[] {
  const said = outcome.code === undefined || outcome.text.includes(outcome.code);
  const code = said ? [] : [view.paint('bad', shownLine(outcome.code ?? ''))];
  const waits =
    outcome.requiresApproval === undefined
      ? []
      : [
          `${asTyped('Answer with: gatehouse approvals approve', view)} ${shownLine(outcome.requiresApproval)}`,
        ];
  return [...code, ...textLines(outcome.text), ...waits];
}

function contentText(message: StoredMessage): string {
  if (message.role === 'toolResult' || message.role === 'summary') return message.content;
  return message.content
    .map((part) => (part.type === 'text' ? part.text : `[${part.name} ${JSON.stringify(part.arguments)}]`))
    .join('\n');
}

export function messageLines(messages: readonly StoredMessage[], view: View): readonly string[] {
  if (messages.length === 0) return ['No messages.'];
  return messages.flatMap((message) => {
    const who = message.role === 'toolResult' ? `tool ${message.toolName}` : message.role;
    const labels = message.taint.length === 0 ? '' : ` (${message.taint.join(', ')})`;
    return [
      view.paint('dim', shownLine(`#${message.seq} ${formatInstant(message.at)} ${who}${labels}`)),
      ...textLines(contentText(message)),
      '',
    ];
  });
}

/** A diff with its own colours, once nothing in it can act on the terminal. */
export function diffLines(diff: string, view: View): readonly string[] {
  if (diff === '') return ['No difference.'];
  return shown(diff)
    .split('\n')
    .map((line) => {
      if (line.startsWith('+')) return view.paint('good', line);
      return line.startsWith('-') ? view.paint('bad', line) : line;
    });
}

export function valueLines(value: unknown): readonly string[] {
  return typeof value === 'string' ? textLines(value) : shownJson(value).split('\n');
}

/** What `gateway start` says once the gateway is ready. */
export function startLines(report: StartReport, view: View): readonly string[] {
  const token =
    report.token === undefined
      ? []
      : ['', `token: ${shownLine(report.token)}`, view.paint('warn', 'Keep it now: it is not shown again.')];
  return [
    `The gateway is ready on ${shownLine(report.address)} (process ${report.pid}).`,
    ...postureLines(report.posture, view),
    ...token,
    '',
    asTyped('Next: gatehouse agent --message "Which system is this?"', view),
  ];
}
