import type { ApprovalDecision, ApprovalRecord, ApprovalStatus } from '../../controls/execution/types.ts';

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
      ...(record.subject.run === undefined ? {} : { runId: record.subject.run }),
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

/** The unified view; `asked` is the id as the client spelled it, which also names the kind it expects. */
export function snapshot(record: ApprovalRecord, asked: string) {
  const plugin = asked.startsWith(PLUGIN_PREFIX);
  const { title, commandText, binding } = record;
  const presentation = plugin
    ? {
        kind: 'plugin',
        title,
        description: commandText,
        severity: 'warning',
        toolName: binding.tool,
        pluginId: 'gatehouse',
        agentId: binding.agent,
        allowedDecisions: ALLOWED_DECISIONS,
      }
    : {
        kind: 'exec',
        commandText,
        allowedDecisions: ALLOWED_DECISIONS,
        host: 'sandbox',
        agentId: binding.agent,
      };
  const own = {
    id: asked,
    status: STATUS[record.status],
    presentation,
    urlPath: `/approvals/${encodeURIComponent(record.id)}`,
    createdAtMs: record.createdAt,
    expiresAtMs: record.expiresAt,
  };
  if (record.status === 'pending') return own;
  const reason =
    record.status === 'expired' ? 'timeout' : record.status === 'cancelled' ? 'run-aborted' : 'user';
  return {
    ...own,
    resolvedAtMs: record.resolvedAt ?? record.expiresAt,
    reason,
    ...(record.decision === null ? {} : { decision: record.decision }),
    ...(record.resolvedBy === null ? {} : { resolver: { kind: 'operator', id: record.resolvedBy } }),
  };
}
