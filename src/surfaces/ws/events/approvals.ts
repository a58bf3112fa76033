import type { PendingDevice } from '../../../controls/auth/types.ts';
import type { ApprovalEvent, ApprovalRecord } from '../../../controls/execution/types.ts';
import { execRecord, pluginRecord, showsExecApprovals, showsPluginApprovals } from '../approval-rows.ts';
import { pendingRow } from '../device-rows.ts';

interface Frame {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

function resolution(record: ApprovalRecord, id: string) {
  // An expiry is told as a denial that nobody gave (protocol c).
  return {
    id,
    decision: record.decision ?? 'deny',
    resolvedBy: record.resolvedBy,
    ts: record.resolvedAt ?? record.expiresAt,
  };
}

/** What a connection with these capabilities is told about an approval; nothing without one of them. */
export function approvalFrame(event: ApprovalEvent, capabilities: ReadonlySet<string>): Frame | undefined {
  const { record, type } = event;
  if (showsExecApprovals(capabilities)) {
    const payload = execRecord(record);
    if (type === 'requested') return { event: 'exec.approval.requested', payload };
    return {
      event: 'exec.approval.resolved',
      payload: { ...resolution(record, record.id), request: payload.request },
    };
  }
  if (!showsPluginApprovals(capabilities)) return undefined;
  const payload = pluginRecord(record);
  if (type === 'requested') return { event: 'plugin.approval.requested', payload };
  return { event: 'plugin.approval.resolved', payload: resolution(record, payload.id) };
}

export function deviceFrame(request: PendingDevice): Frame {
  return { event: 'device.pair.requested', payload: pendingRow(request) };
}
