import type { AgentPolicy, SessionRow, ToolDescription } from '../../../agents/types.ts';
import type { ConfigIssue, ConfigSnapshot } from '../../../configuration/types.ts';
import type { DeviceRecord, PendingDevice, TokenSummary } from '../../../controls/auth/types.ts';
import type {
  ApprovalRecord,
  StandingApproval,
  StandingSuggestion,
} from '../../../controls/execution/types.ts';
import type { LedgerRecord } from '../../../controls/trace/types.ts';
import { shown, shownCommand, shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { pairs, table } from './table.ts';

const when = (at: number | null) => (at === null ? null : formatInstant(at));

export function sessionLines(sessions: readonly SessionRow[], total: number, view: View): readonly string[] {
  const lines = table(
    sessions,
    [
      { title: 'KEY', value: (row) => row.key },
      { title: 'STATUS', value: (row) => row.status },
      { title: 'MESSAGES', value: (row) => row.messageCount },
      { title: 'UPDATED', value: (row) => when(row.updatedAt) },
      { title: 'TAINT', value: (row) => row.taint.join(', ') },
      { title: 'LABEL', value: (row) => row.label },
    ],
    view,
    'No sessions.',
  );
  const more = total > sessions.length ? [view.paint('dim', `${sessions.length} of ${total}`)] : [];
  return [...lines, ...more];
}

type AgentRow = Pick<AgentPolicy, 'name' | 'playbook' | 'models' | 'workspaceAccess' | 'sandboxScope'> & {
  readonly id: string;
  readonly isDefault: boolean;
};

export function agentLines(agents: readonly AgentRow[], view: View): readonly string[] {
  return table(
    agents,
    [
      { title: 'AGENT', value: (row) => (row.isDefault ? `${row.id} (default)` : row.id) },
      { title: 'PLAYBOOK', value: (row) => row.playbook },
      { title: 'MODEL', value: (row) => row.models[0] },
      { title: 'WORKSPACE', value: (row) => row.workspaceAccess },
      { title: 'SANDBOX', value: (row) => row.sandboxScope },
    ],
    view,
    'No agents that you may use.',
  );
}

export interface ModelRow {
  readonly id: string;
  readonly name: string;
  readonly contextTokens: number;
  readonly notice?: string;
}

export function modelLines(models: readonly ModelRow[], view: View): readonly string[] {
  const lines = table(
    models,
    [
      { title: 'MODEL', value: (row) => row.id },
      { title: 'NAME', value: (row) => row.name },
      { title: 'CONTEXT', value: (row) => row.contextTokens },
    ],
    view,
    'No models.',
  );
  const notices = new Set(models.flatMap(({ notice }) => (notice === undefined ? [] : [notice])));
  return [...lines, ...[...notices].map((notice) => shownLine(notice))];
}

export function toolLines(tools: readonly ToolDescription[], view: View): readonly string[] {
  return table(
    tools,
    [
      { title: 'TOOL', value: (row) => row.name },
      { title: 'WHAT IT DOES', value: (row) => row.description },
    ],
    view,
    'No tools.',
  );
}

export function tokenLines(tokens: readonly TokenSummary[], now: number, view: View): readonly string[] {
  const state = (token: TokenSummary) => {
    if (token.revokedAt !== null) return 'revoked';
    return token.expiresAt !== null && token.expiresAt <= now ? 'expired' : 'valid';
  };
  return table(
    tokens,
    [
      { title: 'ID', value: (row) => row.id },
      { title: 'NAME', value: (row) => row.name },
      { title: 'STATE', value: state },
      { title: 'SCOPES', value: (row) => row.scopes.join(', ') },
      { title: 'AGENTS', value: (row) => row.agents.join(', ') },
      { title: 'EXPIRES', value: (row) => when(row.expiresAt) },
      { title: 'LAST USED', value: (row) => when(row.lastUsedAt) },
      { title: 'FROM', value: (row) => row.lastUsedFrom },
    ],
    view,
    'No tokens.',
  );
}

export function deviceLines(
  pending: readonly PendingDevice[],
  paired: readonly DeviceRecord[],
  view: View,
): readonly string[] {
  const waiting = table(
    pending,
    [
      { title: 'REQUEST', value: (row) => row.requestId },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'FROM', value: (row) => row.remoteIp },
      { title: 'ASKS FOR', value: (row) => row.scopes.join(', ') },
      { title: 'WHY', value: (row) => row.reason },
      { title: 'SINCE', value: (row) => when(row.createdAt) },
    ],
    view,
    'Nothing waits.',
  );
  const known = table(
    paired,
    [
      { title: 'DEVICE', value: (row) => row.deviceId },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'OF', value: (row) => row.principal },
      { title: 'SCOPES', value: (row) => row.scopes.join(', ') },
      { title: 'PAIRED', value: (row) => when(row.approvedAt) },
    ],
    view,
    'No devices are paired.',
  );
  return [view.paint('strong', 'waiting'), ...waiting, '', view.paint('strong', 'paired'), ...known];
}

/** The whole command: an approver never decides on a part of it. */
export function approvalLines(approval: ApprovalRecord, view: View): readonly string[] {
  const head = pairs(
    [
      ['approval', approval.id],
      ['status', approval.status],
      ['agent', approval.binding.agent],
      ['session', approval.subject.session ?? approval.binding.session],
      ['tool', approval.binding.tool],
      ['folder', approval.binding.cwd],
      ['rule', approval.rule],
      ['reason', approval.reason],
      ['expires', when(approval.expiresAt)],
      ...reachPairs(approval),
      ...(approval.people > 1
        ? [['people', `${approval.allowedBy.length} of ${approval.people} have allowed it`] as const]
        : []),
      ...(approval.batch === null ? [] : [['asked together as', approval.batch] as const]),
      ...(approval.standingUntil === null ? [] : [['stands until', when(approval.standingUntil)] as const]),
      ...(approval.resolvedBy === null ? [] : [['answered by', approval.resolvedBy] as const]),
    ],
    view,
  );
  const command = shownCommand(approval.commandText)
    .split('\n')
    .map((line) => `  ${line}`);
  const diff = approval.diff === null ? [] : approval.diff.trimEnd().split('\n');
  const shownDiff = diff.map((line) => `  ${shownLine(line)}`);
  return [
    ...head,
    view.paint('dim', 'command'),
    ...command,
    ...(diff.length === 0 ? [] : [view.paint('dim', 'change'), ...shownDiff]),
  ];
}

function reachPairs({ reach }: ApprovalRecord): readonly (readonly [string, string])[] {
  if (reach === null) return [];
  const network = reach.network ? 'every host that the agent has a rule for' : 'no host';
  const rows: readonly (readonly [string, string])[] = [
    ['reaches', reach.hosts.length > 0 ? reach.hosts.join(', ') : network],
    ['reads', reach.reads.join(', ')],
    ['writes', reach.writes.join(', ')],
  ];
  return rows.filter(([, value]) => value !== '');
}

export function standingLines(standing: readonly StandingApproval[], view: View): readonly string[] {
  const state = ({ revokedAt, expiresAt }: StandingApproval): string =>
    revokedAt === null ? `until ${when(expiresAt)}` : `revoked ${when(revokedAt)}`;
  return table(
    standing,
    [
      { title: 'NAME', value: (row) => row.name },
      { title: 'AGENT', value: (row) => row.agent },
      { title: 'ALLOWS', value: (row) => row.pattern },
      { title: 'STANDS', value: state },
      { title: 'USED', value: (row) => String(row.used) },
      { title: 'BY', value: (row) => row.createdBy },
    ],
    view,
    'There are no standing approvals.',
  );
}

export function suggestionLines(suggestions: readonly StandingSuggestion[], view: View): readonly string[] {
  if (suggestions.length === 0) return ['Nothing was asked often enough and always allowed.'];
  return suggestions.flatMap(({ agent, pattern, asked, examples }) => [
    `${shownLine(agent)}: asked ${asked} times in 30 days, always allowed: ${view.paint('strong', shownLine(pattern))}`,
    ...examples.map((example) => view.paint('dim', `  ${shownLine(example)}`)),
  ]);
}

export function approvalListLines(approvals: readonly ApprovalRecord[], view: View): readonly string[] {
  if (approvals.length === 0) return ['No approvals.'];
  const blocks = approvals.flatMap((approval) => [...approvalLines(approval, view), '']);
  const waiting = approvals.find((approval) => approval.status === 'pending');
  const hint =
    waiting === undefined
      ? []
      : [`${asTyped('Answer with: gatehouse approvals approve', view)} ${shownLine(waiting.id)}`];
  return [...blocks, ...hint];
}

export function snapshotLines(snapshots: readonly ConfigSnapshot[], view: View): readonly string[] {
  return table(
    snapshots,
    [
      { title: 'NUMBER', value: (row) => row.number },
      { title: 'APPLIED', value: (row) => when(row.at) },
      { title: 'BY', value: (row) => row.author },
      { title: 'TICKET', value: (row) => row.ticket },
      { title: 'REASON', value: (row) => row.reason },
      { title: 'HASH', value: (row) => row.hash.slice(0, 12) },
    ],
    view,
    'No configuration was applied yet.',
  );
}

export function issueLines(issues: readonly ConfigIssue[], view: View): readonly string[] {
  return issues.flatMap((issue) => {
    const place = issue.line === undefined ? '' : ` (line ${issue.line})`;
    const where = issue.path === '' ? 'the file' : issue.path;
    return [
      `${view.paint('bad', shownLine(issue.code))} ${shownLine(`${where}${place}: ${issue.message}`)}`,
      `  fix: ${shownLine(asTyped(issue.fix, view))}`,
    ];
  });
}

/** One record on one line. */
export function recordLine(record: LedgerRecord, view: View): string {
  const { at, writer, seq, type, action, outcome, code, rule, subject } = record;
  const bad = outcome === 'deny' || outcome === 'failure';
  const who = [subject?.principal, subject?.agent, subject?.run]
    .filter((name) => name !== undefined)
    .join(' ');
  const parts = [
    view.paint('dim', formatInstant(at)),
    `${writer}#${seq}`,
    type,
    action,
    view.paint(bad ? 'bad' : outcome === 'ask' ? 'warn' : 'good', outcome),
    code ?? '',
    rule === undefined ? '' : `rule ${rule}`,
    who === '' ? '' : `by ${who}`,
  ];
  return parts
    .filter((part) => part !== '')
    .map((part, index) => (index === 0 || index === 4 ? part : shownLine(part)))
    .join('  ');
}

/** A text block of others, line by line. */
export function textLines(text: string): readonly string[] {
  return shown(text).replace(/\n$/, '').split('\n');
}
