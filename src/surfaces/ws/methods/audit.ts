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

/** What the operation says of one tool call. */
interface Activity {
  readonly writer: string;
  readonly seq: number;
  readonly at: number;
  readonly outcome: LedgerRecord['outcome'];
  readonly agent?: string;
  readonly session?: string;
  readonly run?: string;
  readonly tool?: string;
  readonly trace?: string;
}

/** A tool call as OpenClaw's activity event: metadata only (protocol b.8). */
function toolAction(call: Activity) {
  const { agent = 'gatehouse', session, tool, run, trace } = call;
  const status = STATUS[call.outcome];
  return {
    eventType: 'tool_action',
    schemaVersion: 1,
    eventId: `${call.writer}-${call.seq}`,
    sequence: call.seq,
    sourceSequence: call.seq,
    occurredAt: call.at,
    redaction: 'metadata_only',
    actor: { type: 'agent', id: agent },
    agentId: agent,
    ...defined({ sessionKey: session, toolName: tool, errorCode: ERROR_CODE[status] }),
    // A tool call outside a conversation has no run; its trace groups it all the same.
    runId: run ?? trace ?? 'none',
    kind: 'tool_action',
    action: status === 'started' ? 'tool.action.started' : 'tool.action.finished',
    status,
  };
}

export const AUDIT_METHODS: readonly Method[] = [
  {
    name: 'audit.activity.list',
    async handle(context, params) {
      const kind = optionalText(params, 'kind') ?? 'tool_action';
      const status = optionalText(params, 'status');
      const { activity } = await context.call(
        'ledger.activity',
        defined({
          limit: optionalNumber(params, 'limit', 1, 500) ?? 100,
          agent: optionalText(params, 'agentId'),
          session: optionalText(params, 'sessionKey'),
          run: optionalText(params, 'runId'),
          since: optionalNumber(params, 'after', 0, Number.MAX_SAFE_INTEGER),
          until: optionalNumber(params, 'before', 0, Number.MAX_SAFE_INTEGER),
        }),
      );
      const events = (activity as readonly Activity[]).map(toolAction).reverse();
      return {
        events: events.filter((event) => kind === event.kind && (status ?? event.status) === event.status),
      };
    },
  },
];
