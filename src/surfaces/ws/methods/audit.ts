import type { LedgerRecord } from '../../../controls/trace/types.ts';
import type { Method } from '../method.ts';
import { defined, optionalNumber, optionalText } from '../params.ts';

/** What became of a tool call, in the words of the published events. */
const STATUS: Readonly<Record<LedgerRecord['outcome'], string>> = {
  started: 'started',
  success: 'succeeded',
  allow: 'started',
  ask: 'started',
  failure: 'failed',
  deny: 'blocked',
  unknown: 'unknown',
};

const ERROR_CODE: Readonly<Record<string, string>> = {
  failed: 'tool_failed',
  blocked: 'tool_blocked',
  unknown: 'tool_outcome_unknown',
};

/** A tool's ledger record as OpenClaw's activity event: metadata only, as the ledger itself is (protocol b.8). */
function activity(record: LedgerRecord) {
  const { agent = 'gatehouse', session, run, tool } = record.subject ?? {};
  const status = STATUS[record.outcome];
  return {
    eventType: 'tool_action',
    schemaVersion: 1,
    eventId: `${record.writer}-${record.seq}`,
    sequence: record.seq,
    sourceSequence: record.seq,
    occurredAt: record.at,
    redaction: 'metadata_only',
    actor: { type: 'agent', id: agent },
    agentId: agent,
    ...defined({ sessionKey: session, toolName: tool, errorCode: ERROR_CODE[status] }),
    // A tool call outside a conversation has no run; its trace groups it all the same.
    runId: run ?? record.trace ?? 'none',
    kind: 'tool_action',
    action: status === 'started' ? 'tool.action.started' : 'tool.action.finished',
    status,
  };
}

export const AUDIT_METHODS: readonly Method[] = [
  {
    name: 'audit.activity.list',
    async handle(context, params) {
      const limit = optionalNumber(params, 'limit', 1, 500) ?? 100;
      const kind = optionalText(params, 'kind') ?? 'tool_action';
      const status = optionalText(params, 'status');
      const result = await context.call(
        'ledger.tail',
        defined({
          type: 'tool' as const,
          limit,
          agent: optionalText(params, 'agentId'),
          session: optionalText(params, 'sessionKey'),
          run: optionalText(params, 'runId'),
          since: optionalNumber(params, 'after', 0, Number.MAX_SAFE_INTEGER),
          until: optionalNumber(params, 'before', 0, Number.MAX_SAFE_INTEGER),
        }),
      );
      const records = result['records'] as readonly LedgerRecord[];
      const events = [...records].sort((a, b) => b.at - a.at || b.seq - a.seq).map(activity);
      return {
        events: events.filter((event) => kind === event.kind && (status ?? event.status) === event.status),
      };
    },
  },
];
