import type { SessionRow, StoredMessage, ToolDescription, ToolOutcome } from '../../../agents/types.ts';
import type { ConfigIssue, ConfigSnapshot } from '../../../configuration/types.ts';
import type { DeviceRecord, PendingDevice, TokenSummary } from '../../../controls/auth/types.ts';
import type { ApprovalRecord } from '../../../controls/execution/types.ts';
import type { LedgerRecord, VerifyReport } from '../../../controls/trace/types.ts';
import type { EgressVerdict, Finding } from '../../../kernel/index.ts';
import type { MeasuredListener } from '../../../operations/services.ts';
import { EXIT } from '../exit.ts';
import { type Paint, shownLine } from '../terminal.ts';
import { explainLines, type SandboxExplanation } from './explain.ts';
import { fieldLines, genericLines } from './generic.ts';
import * as lists from './lists.ts';
import * as reports from './reports.ts';

/** How one operation's result looks to a person, and what it means for a script. */
interface Form {
  lines?(result: never, paint: Paint): readonly string[];
  exit?(result: never): number;
}

function form<Result>(
  lines: (result: Result, paint: Paint) => readonly string[],
  exit?: (result: Result) => number,
): Form {
  return exit === undefined ? { lines } : { lines, exit };
}

const approval = form<{ approval: ApprovalRecord }>((result, paint) =>
  lists.approvalLines(result.approval, paint),
);

const toolOutcome = form<ToolOutcome>(reports.toolOutcomeLines, (result) => {
  if (!result.isError) return EXIT.ok;
  return /_(NOT_ALLOWED|DENIED)$/.test(result.code ?? '') ? EXIT.refused : EXIT.failed;
});

const SERIOUS: readonly Finding['severity'][] = ['warning', 'high', 'critical'];

const FORMS: Readonly<Record<string, Form>> = {
  'sessions.list': form<{ sessions: SessionRow[]; total: number }>(({ sessions, total }, paint) =>
    lists.sessionLines(sessions, total, paint),
  ),
  'agents.list': form<{ agents: Parameters<typeof lists.agentLines>[0] }>(({ agents }, paint) =>
    lists.agentLines(agents, paint),
  ),
  'models.list': form<{ models: lists.ModelRow[] }>(({ models }, paint) => lists.modelLines(models, paint)),
  'tools.list': form<{ tools: ToolDescription[] }>(({ tools }, paint) => lists.toolLines(tools, paint)),
  'tools.invoke': toolOutcome,
  'sandbox.exec': toolOutcome,
  'sandbox.explain': form<SandboxExplanation>(explainLines),
  'chat.history': form<{ messages: StoredMessage[] }>(({ messages }, paint) =>
    reports.messageLines(messages, paint),
  ),
  'approvals.list': form<{ approvals: ApprovalRecord[] }>(({ approvals }, paint) =>
    lists.approvalListLines(approvals, paint),
  ),
  'approvals.show': approval,
  'approvals.resolve': approval,
  'approvals.approve': approval,
  'approvals.deny': approval,
  'token.issue': form<{ token: string; summary: TokenSummary }>(({ token, summary }, paint) => [
    shownLine(token),
    '',
    paint('warn', 'Keep it now: it is not stored and not shown again.'),
    ...fieldLines({ ...summary }, paint),
  ]),
  'token.list': form<{ tokens: TokenSummary[] }>(({ tokens }, paint) =>
    lists.tokenLines(tokens, Date.now(), paint),
  ),
  'device.list': form<{ pending: PendingDevice[]; paired: DeviceRecord[] }>(({ pending, paired }, paint) =>
    lists.deviceLines(pending, paired, paint),
  ),
  'config.validate': form<{ ok: boolean; issues: ConfigIssue[] }>(
    ({ ok, issues }, paint) => [
      ...lists.issueLines(issues, paint),
      ok ? paint('good', 'The configuration is valid.') : paint('bad', 'The configuration is not valid.'),
    ],
    ({ ok }) => (ok ? EXIT.ok : EXIT.failed),
  ),
  'config.reload': form<{ applied: boolean; issues: ConfigIssue[] }>(
    ({ applied, issues }, paint) => [
      ...lists.issueLines(issues, paint),
      applied ? 'Applied.' : paint('bad', 'Not applied: the running configuration stays.'),
    ],
    ({ applied }) => (applied ? EXIT.ok : EXIT.failed),
  ),
  'config.get': form<{ value: unknown }>(({ value }) => reports.valueLines(value)),
  'config.schema': form<{ schema: unknown }>(({ schema }) => reports.valueLines(schema)),
  'config.history': form<{ snapshots: ConfigSnapshot[] }>(({ snapshots }, paint) =>
    lists.snapshotLines(snapshots, paint),
  ),
  'config.diff': form<{ diff: string }>(({ diff }, paint) => reports.diffLines(diff, paint)),
  'ledger.tail': form<{ records: LedgerRecord[] }>(({ records }, paint) =>
    records.map((record) => lists.recordLine(record, paint)),
  ),
  'ledger.verify': form<VerifyReport>(reports.verifyLines, ({ ok }) => (ok ? EXIT.ok : EXIT.failed)),
  'egress.check': form<EgressVerdict>(reports.verdictLines, ({ effect }) =>
    effect === 'allow' ? EXIT.ok : EXIT.refused,
  ),
  'doctor.run': form<{ findings: Finding[] }>(
    ({ findings }, paint) => reports.findingLines(findings, paint),
    ({ findings }) => (findings.some(({ severity }) => SERIOUS.includes(severity)) ? EXIT.findings : EXIT.ok),
  ),
  'inventory.listeners': form<{ listeners: MeasuredListener[]; undeclared: number }>(
    ({ listeners }, paint) => reports.listenerLines(listeners, paint),
    ({ undeclared }) => (undeclared > 0 ? EXIT.findings : EXIT.ok),
  ),
  'gateway.status': form<reports.GatewayReport>(reports.gatewayLines, ({ ready }) =>
    ready ? EXIT.ok : EXIT.failed,
  ),
  'health.get': form<{ ready: boolean }>(
    (result, paint) => genericLines(result, paint),
    ({ ready }) => (ready ? EXIT.ok : EXIT.failed),
  ),
  'logs.tail': form<{ lines: string[] }>(({ lines }) => lines.map(shownLine)),
};

/** Lines for a person. */
export function resultLines(id: string, result: unknown, paint: Paint): readonly string[] {
  return FORMS[id]?.lines?.(result as never, paint) ?? genericLines(result, paint);
}

/** Exit code of a result that arrived: 0 unless the operation's answer itself is bad news. */
export function resultExit(id: string, result: unknown): number {
  return FORMS[id]?.exit?.(result as never) ?? EXIT.ok;
}

/** One event of a stream on one line, for operations whose events are records. */
export function eventLine(event: unknown, paint: Paint): string {
  return lists.recordLine(event as LedgerRecord, paint);
}
