import type { ApprovalRecord } from '../../../controls/execution/types.ts';
import { GatehouseError } from '../../../kernel/index.ts';
import {
  decisionOf,
  execRecord,
  fromPluginId,
  pluginRecord,
  showsPluginApprovals,
  snapshot,
} from '../approval-rows.ts';
import { WS_CODES } from '../codes.ts';
import type { Method, MethodContext } from '../method.ts';
import { optionalNumber, text } from '../params.ts';

type Params = Readonly<Record<string, unknown>>;

async function pending(context: MethodContext): Promise<readonly ApprovalRecord[]> {
  const { approvals } = await context.call('approvals.list', {});
  return approvals as readonly ApprovalRecord[];
}

/** OpenClaw's clients look for `details.reason` where ours is a code. */
function inTheirWords(thrown: unknown): unknown {
  if (!(thrown instanceof GatehouseError)) return thrown;
  const reasons: Readonly<Record<string, string>> = {
    OP_APPROVAL_NOT_FOUND: 'APPROVAL_NOT_FOUND',
    APPROVAL_NOT_FOUND: 'APPROVAL_NOT_FOUND',
    APPROVAL_ALREADY_RESOLVED: 'APPROVAL_ALREADY_RESOLVED',
    APPROVAL_EXPIRED: 'APPROVAL_ALREADY_RESOLVED',
  };
  const reason = reasons[thrown.code];
  if (reason === undefined) return thrown;
  return new GatehouseError(thrown.code, thrown.message, {
    fix: thrown.fix,
    status: 404,
    details: { reason },
  });
}

async function show(context: MethodContext, id: string): Promise<ApprovalRecord> {
  try {
    const { approval } = await context.call('approvals.show', { id: fromPluginId(id) });
    return approval as ApprovalRecord;
  } catch (thrown) {
    throw inTheirWords(thrown);
  }
}

async function resolve(context: MethodContext, params: Params): Promise<ApprovalRecord> {
  const decision = decisionOf(params['decision']);
  if (decision === undefined) {
    throw WS_CODES.error('WS_PARAMS_INVALID', 'decision: must be allow-once, allow-always or deny');
  }
  try {
    const { approval } = await context.call('approvals.resolve', {
      id: fromPluginId(text(params, 'id')),
      decision,
    });
    return approval as ApprovalRecord;
  } catch (thrown) {
    throw inTheirWords(thrown);
  }
}

const resolveOk = async (context: MethodContext, params: Params) => {
  await resolve(context, params);
  return { ok: true };
};

export const APPROVAL_METHODS: readonly Method[] = [
  { name: 'exec.approval.list', handle: async (context) => (await pending(context)).map(execRecord) },
  {
    name: 'plugin.approval.list',
    async handle(context) {
      const records = await pending(context);
      return showsPluginApprovals(context.capabilities) ? records.map(pluginRecord) : [];
    },
  },
  { name: 'openclaw.approval.list', scope: 'operator.approvals', handle: async () => [] },
  {
    name: 'exec.approval.get',
    async handle(context, params) {
      const record = await show(context, text(params, 'id'));
      const { request, expiresAtMs } = execRecord(record);
      return {
        id: record.id,
        commandText: record.commandText,
        allowedDecisions: request.allowedDecisions,
        host: request.host,
        nodeId: null,
        agentId: request.agentId,
        expiresAtMs,
      };
    },
  },
  { name: 'exec.approval.resolve', handle: resolveOk },
  { name: 'plugin.approval.resolve', handle: resolveOk },
  {
    name: 'approval.get',
    handle: async (context, params) => ({
      approval: snapshot(await show(context, text(params, 'id')), text(params, 'id')),
    }),
  },
  {
    // Never errors on a repeat or a conflict: the caller compares what came back (protocol b.6).
    name: 'approval.resolve',
    async handle(context, params) {
      const id = text(params, 'id');
      const before = await show(context, id);
      if (before.status !== 'pending') return { applied: false, approval: snapshot(before, id) };
      try {
        return { applied: true, approval: snapshot(await resolve(context, params), id) };
      } catch (thrown) {
        const after = await show(context, id);
        if (after.status === 'pending') throw thrown;
        return { applied: false, approval: snapshot(after, id) };
      }
    },
  },
  {
    name: 'approval.history',
    async handle(context, params) {
      const limit = optionalNumber(params, 'limit', 1, 500) ?? 100;
      const items = [];
      for (const status of ['allowed', 'consumed', 'denied', 'expired', 'cancelled'] as const) {
        const { approvals } = await context.call('approvals.list', { status, limit });
        items.push(...(approvals as readonly ApprovalRecord[]));
      }
      items.sort((a, b) => b.createdAt - a.createdAt);
      return { items: items.slice(0, limit).map((record) => snapshot(record, record.id)) };
    },
  },
  { name: 'exec.approval.grants.list', scope: 'operator.approvals', handle: async () => ({ grants: [] }) },
];
