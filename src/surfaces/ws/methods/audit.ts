import type { LedgerRecord } from '../../../controls/trace/types.ts';
import type { Method } from '../method.ts';
import { defined, optionalNumber, optionalText } from '../params.ts';

const STATUS: Readonly<Record<string, string>> = {
  started: 'started',
  success: 'succeeded',
  allow: 'started',
  failure: 'failed',
  deny: 'blocked',
  ask: 'started',
  unknown: 'unknown',
};

/** A ledger record as OpenClaw's activity event: metadata only, as the ledger itself is (protocol b.8). */
function activity(record: LedgerRecord) {
  const tool = record.type === 'tool';
  const { subject, code } = record;
  const status = STATUS[record.outcome] ?? 'unknown';
  return {
    eventType: tool ? 'tool_action' : 'agent_run',
    schemaVersion: 1,
    eventId: `${record.writer}-${record.seq}`,
    sequence: record.seq,
    sourceSequence: record.seq,
    occurredAt: record.at,
    redaction: 'metadata_only',
    actor: { type: 'agent', id: subject?.agent ?? 'gatehouse' },
    agentId: subject?.agent ?? '',
    ...(subject?.session === undefined ? {} : { sessionKey: subject.session }),
    runId: subject?.run ?? '',
    kind: tool ? 'tool_action' : 'agent_run',
    action: tool
      ? status === 'started'
        ? 'tool.action.started'
        : 'tool.action.finished'
      : status === 'started'
        ? 'agent.run.started'
        : 'agent.run.finished',
    status,
    ...(subject?.tool === undefined ? {} : { toolName: subject.tool }),
    ...(code === undefined ? {} : { errorCode: code }),
  };
}

export const AUDIT_METHODS: readonly Method[] = [
  {
    name: 'audit.activity.list',
    async handle(context, params) {
      const limit = optionalNumber(params, 'limit', 1, 500) ?? 100;
      const result = await context.call(
        'ledger.tail',
        defined({
          type: 'tool' as const,
          limit,
          agent: optionalText(params, 'agentId'),
          session: optionalText(params, 'sessionKey'),
          run: optionalText(params, 'runId'),
        }),
      );
      const records = result['records'] as readonly LedgerRecord[];
      return { events: [...records].sort((a, b) => b.at - a.at).map(activity) };
    },
  },
];
