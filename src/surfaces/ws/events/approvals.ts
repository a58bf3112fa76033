import type { PendingDevice } from '../../../controls/auth/types.ts';
import type { ApprovalEvent, ApprovalRecord } from '../../../controls/execution/types.ts';
import type { Caller } from '../../../operations/define.ts';
import { execRecord, pluginRecord, showsExecApprovals, showsPluginApprovals } from '../approval-rows.ts';
import { pendingRow } from '../device-rows.ts';
import type { OutgoingEvent } from './outgoing.ts';

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

/** An approver is told only of what it could also list: approvals of agents that its credential is for. */
export function concernsCaller(record: ApprovalRecord, caller: Caller | undefined): boolean {
  if (caller === undefined) return false;
  const { scopes, agents } = caller.principal;
  if (!scopes.includes('operator.approvals')) return false;
  return agents.includes('*') || agents.includes(record.binding.agent);
}

export function deviceRequested(request: PendingDevice): OutgoingEvent {
  return { event: 'device.pair.requested', scope: 'operator.pairing', payload: pendingRow(request) };
}

export function deviceResolved(
  requestId: string,
  deviceId: string,
  decision: 'approved' | 'rejected',
  ts: number,
): OutgoingEvent {
  const payload = { requestId, deviceId, decision, ts };
  return { event: 'device.pair.resolved', scope: 'operator.pairing', payload };
}
