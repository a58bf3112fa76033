import type { ApprovalDecision, ApprovalRecord, ApprovalStatus } from '../../controls/execution/types.ts';
import { shownRunId } from '../../operations/run-id.ts';

const PLUGIN_PREFIX = 'plugin:';
const ALLOWED_DECISIONS: readonly ApprovalDecision[] = ['allow-once', 'allow-always', 'deny'];

export function decisionOf(value: unknown): ApprovalDecision | undefined {
  return ALLOWED_DECISIONS.find((decision) => decision === value);
}

/** OpenClaw's terminal UI shows plugin approvals only; everything else would see each approval twice. */
export function showsPluginApprovals(capabilities: ReadonlySet<string>): boolean {
  const exec = capabilities.has('exec-approvals') || capabilities.has('approvals');
  return capabilities.has('plugin-approvals') && !exec;
}

export function showsExecApprovals(capabilities: ReadonlySet<string>): boolean {
  return capabilities.has('exec-approvals') || capabilities.has('approvals');
}

export function fromPluginId(id: string): string {
  return id.startsWith(PLUGIN_PREFIX) ? id.slice(PLUGIN_PREFIX.length) : id;
}

export function execRecord(record: ApprovalRecord) {
  return {
    id: record.id,
    approvalKind: 'exec',
    request: {
      command: record.commandText,
      cwd: record.binding.cwd,
      host: 'sandbox',
      agentId: record.binding.agent,
      sessionKey: record.subject.session ?? record.binding.session,
      ...(record.subject.run === undefined ? {} : { runId: shownRunId(record.subject.run) }),
      allowedDecisions: ALLOWED_DECISIONS,
    },
    createdAtMs: record.createdAt,
    expiresAtMs: record.expiresAt,
  };
}

export function pluginRecord(record: ApprovalRecord) {
  return {
    id: `${PLUGIN_PREFIX}${record.id}`,
    approvalKind: 'plugin',
    request: {
      title: record.title,
      description: record.commandText,
      severity: 'warning',
      toolName: record.binding.tool,
      pluginId: 'gatehouse',
      allowedDecisions: ALLOWED_DECISIONS,
      sessionKey: record.subject.session ?? record.binding.session,
      agentId: record.binding.agent,
    },
    createdAtMs: record.createdAt,
    expiresAtMs: record.expiresAt,
  };
}

const STATUS: Readonly<Record<ApprovalStatus, string>> = {
  pending: 'pending',
  allowed: 'allowed',
  consumed: 'allowed',
  denied: 'denied',
  expired: 'expired',
  cancelled: 'cancelled',
};

const MAX_TITLE = 80;
const MAX_DESCRIPTION = 512;
const MAX_DETAIL = 16_384;
/** A person who approves must never take a part for the whole. */
const CUT = ' [cut here: see `gatehouse approvals show`]';

function atMost(text: string, limit: number, mark = '...'): string {
  return text.length <= limit ? text : `${text.slice(0, limit - mark.length)}${mark}`;
}

function presentation(record: ApprovalRecord, asPlugin: boolean) {
  const { title, commandText, binding } = record;
  if (!asPlugin) {
    return {
      kind: 'exec',
      commandText,
      allowedDecisions: ALLOWED_DECISIONS,
      host: 'sandbox',
      agentId: binding.agent,
    };
  }
  return {
    kind: 'plugin',
    title: atMost(title, MAX_TITLE),
    description: atMost(commandText, MAX_DESCRIPTION, CUT),
    detail: atMost(commandText, MAX_DETAIL, CUT),
    severity: 'warning',
    toolName: binding.tool,
    pluginId: 'gatehouse',
    agentId: binding.agent,
    allowedDecisions: ALLOWED_DECISIONS,
  };
}

/** How it ended, in the fields that the published terminal snapshots have. */
function ending(record: ApprovalRecord) {
  switch (record.status) {
    case 'pending':
      return {};
    case 'allowed':
    case 'consumed':
      return { reason: 'user', decision: record.decision ?? 'allow-once' };
    case 'denied':
      return { reason: 'user', decision: 'deny' };
    case 'expired':
      return { reason: 'timeout' };
    case 'cancelled':
      return { reason: 'run-aborted' };
  }
}

/** The unified view; `asked` is the id as the client spelled it, which also names the kind it expects. */
export function snapshot(record: ApprovalRecord, asked: string) {
  const own = {
    id: asked,
    status: STATUS[record.status],
    presentation: presentation(record, asked.startsWith(PLUGIN_PREFIX)),
    urlPath: `/approvals/${encodeURIComponent(record.id)}`,
    createdAtMs: record.createdAt,
    expiresAtMs: record.expiresAt,
    ...ending(record),
  };
  if (record.status === 'pending') return own;
  const resolver = record.resolvedBy === null ? {} : { resolver: { kind: 'device', id: record.resolvedBy } };
  return { ...own, resolvedAtMs: record.resolvedAt ?? record.expiresAt, ...resolver };
}
