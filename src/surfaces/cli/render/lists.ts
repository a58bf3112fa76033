import type { AgentPolicy, SessionRow, ToolDescription } from '../../../agents/types.ts';
import type { ConfigIssue, ConfigSnapshot } from '../../../configuration/types.ts';
import type { DeviceRecord, PendingDevice, TokenSummary } from '../../../controls/auth/types.ts';
import type { ApprovalRecord } from '../../../controls/execution/types.ts';
import type { LedgerRecord } from '../../../controls/trace/types.ts';
import { type Paint, shown, shownCommand, shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { pairs, table } from './table.ts';

const when = (at: number | null) => (at === null ? null : formatInstant(at));

export function sessionLines(
  sessions: readonly SessionRow[],
  total: number,
  paint: Paint,
): readonly string[] {
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
    paint,
    'No sessions.',
  );
  const more = total > sessions.length ? [paint('dim', `${sessions.length} of ${total}`)] : [];
  return [...lines, ...more];
}

type AgentRow = Pick<AgentPolicy, 'name' | 'playbook' | 'models' | 'workspaceAccess' | 'sandboxScope'> & {
  readonly id: string;
  readonly isDefault: boolean;
};

export function agentLines(agents: readonly AgentRow[], paint: Paint): readonly string[] {
  return table(
    agents,
    [
      { title: 'AGENT', value: (row) => (row.isDefault ? `${row.id} (default)` : row.id) },
      { title: 'PLAYBOOK', value: (row) => row.playbook },
      { title: 'MODEL', value: (row) => row.models[0] },
      { title: 'WORKSPACE', value: (row) => row.workspaceAccess },
      { title: 'SANDBOX', value: (row) => row.sandboxScope },
    ],
    paint,
    'No agents that you may use.',
  );
}

export interface ModelRow {
  readonly id: string;
  readonly name: string;
  readonly contextTokens: number;
  readonly notice?: string;
}

export function modelLines(models: readonly ModelRow[], paint: Paint): readonly string[] {
  return table(
    models,
    [
      { title: 'MODEL', value: (row) => row.id },
      { title: 'NAME', value: (row) => row.name },
      { title: 'CONTEXT', value: (row) => row.contextTokens },
      { title: 'NOTICE', value: (row) => row.notice },
    ],
    paint,
    'No models.',
  );
}

export function toolLines(tools: readonly ToolDescription[], paint: Paint): readonly string[] {
  return table(
    tools,
    [
      { title: 'TOOL', value: (row) => row.name },
      { title: 'WHAT IT DOES', value: (row) => row.description },
    ],
    paint,
    'No tools.',
  );
}

export function tokenLines(tokens: readonly TokenSummary[], now: number, paint: Paint): readonly string[] {
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
      { title: 'SCOPES', value: (row) => row.scopes.join(',') },
      { title: 'AGENTS', value: (row) => row.agents.join(',') },
      { title: 'EXPIRES', value: (row) => when(row.expiresAt) },
      { title: 'LAST USED', value: (row) => when(row.lastUsedAt) },
      { title: 'FROM', value: (row) => row.lastUsedFrom },
    ],
    paint,
    'No tokens.',
  );
}

export function deviceLines(
  pending: readonly PendingDevice[],
  paired: readonly DeviceRecord[],
  paint: Paint,
): readonly string[] {
  const waiting = table(
    pending,
    [
      { title: 'REQUEST', value: (row) => row.requestId },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'FROM', value: (row) => row.remoteIp },
      { title: 'ASKS FOR', value: (row) => row.scopes.join(',') },
      { title: 'WHY', value: (row) => row.reason },
      { title: 'SINCE', value: (row) => when(row.createdAt) },
    ],
    paint,
    'Nothing waits.',
  );
  const known = table(
    paired,
    [
      { title: 'DEVICE', value: (row) => row.deviceId },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'OF', value: (row) => row.principal },
      { title: 'SCOPES', value: (row) => row.scopes.join(',') },
      { title: 'PAIRED', value: (row) => when(row.approvedAt) },
    ],
    paint,
    'No devices are paired.',
  );
  return [paint('strong', 'waiting'), ...waiting, '', paint('strong', 'paired'), ...known];
}

/** The whole command: an approver never decides on a part of it. */
export function approvalLines(approval: ApprovalRecord, paint: Paint): readonly string[] {
  const head = pairs(
    [
      ['approval', approval.id],
      ['status', approval.status],
      ['agent', approval.binding.agent],
      ['session', approval.binding.session],
      ['tool', approval.binding.tool],
      ['folder', approval.binding.cwd],
      ['rule', approval.rule],
      ['reason', approval.reason],
      ['expires', when(approval.expiresAt)],
      ...(approval.resolvedBy === null ? [] : [['answered by', approval.resolvedBy] as const]),
    ],
    paint,
  );
  const command = shownCommand(approval.commandText)
    .split('\n')
    .map((line) => `  ${line}`);
  return [...head, paint('dim', 'command'), ...command];
}

export function approvalListLines(approvals: readonly ApprovalRecord[], paint: Paint): readonly string[] {
  if (approvals.length === 0) return ['No approvals.'];
  const blocks = approvals.flatMap((approval) => [...approvalLines(approval, paint), '']);
  const waiting = approvals.find((approval) => approval.status === 'pending');
  const hint =
    waiting === undefined ? [] : [`Answer with: gatehouse approvals approve ${shownLine(waiting.id)}`];
  return [...blocks, ...hint];
}

export function snapshotLines(snapshots: readonly ConfigSnapshot[], paint: Paint): readonly string[] {
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
    paint,
    'No configuration was applied yet.',
  );
}

export function issueLines(issues: readonly ConfigIssue[], paint: Paint): readonly string[] {
  return issues.flatMap((issue) => {
    const place = issue.line === undefined ? '' : ` (line ${issue.line})`;
    const where = issue.path === '' ? 'the file' : issue.path;
    return [
      `${paint('bad', shownLine(issue.code))} ${shownLine(`${where}${place}: ${issue.message}`)}`,
      `  fix: ${shownLine(issue.fix)}`,
    ];
  });
}

/** One record on one line. */
export function recordLine(record: LedgerRecord, paint: Paint): string {
  const { at, writer, seq, type, action, outcome, code, rule, subject } = record;
  const bad = outcome === 'deny' || outcome === 'failure';
  const who = [subject?.principal, subject?.agent, subject?.run]
    .filter((name) => name !== undefined)
    .join(' ');
  const parts = [
    paint('dim', formatInstant(at)),
    `${writer}#${seq}`,
    type,
    action,
    paint(bad ? 'bad' : outcome === 'ask' ? 'warn' : 'good', outcome),
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
