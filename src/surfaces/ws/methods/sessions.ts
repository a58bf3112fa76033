import type { SessionRow, StoredMessage } from '../../../agents/types.ts';
import { GatehouseError } from '../../../kernel/index.ts';
import { WS_CODES } from '../codes.ts';
import { sessionChanged } from '../events/sessions.ts';
import type { Method, MethodContext } from '../method.ts';
import { defined, optionalFlag, optionalNumber, optionalText, text } from '../params.ts';
import { historyRow, modelName, plainText, sessionRow } from '../rows.ts';

const MAX_SESSIONS = 1_000;
const MAX_PREVIEWS = 50;

export async function find(context: MethodContext, sessionKey: string): Promise<SessionRow | undefined> {
  try {
    const { session } = await context.call('sessions.show', { sessionKey });
    return session as SessionRow;
  } catch (thrown) {
    if (thrown instanceof GatehouseError && thrown.code === 'OP_SESSION_NOT_FOUND') return undefined;
    throw thrown;
  }
}

async function list(context: MethodContext, params: Readonly<Record<string, unknown>>) {
  const minutes = optionalNumber(params, 'activeMinutes', 0, 60 * 24 * 3650);
  const limit = optionalNumber(params, 'limit', 1, MAX_SESSIONS);
  const offset = optionalNumber(params, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const result = await context.call('sessions.list', {
    ...defined({
      agent: optionalText(params, 'agentId'),
      search: optionalText(params, 'search'),
      archived: optionalFlag(params, 'archived'),
      activeSince: minutes === undefined ? undefined : Math.max(0, context.now() - minutes * 60_000),
      limit,
    }),
    offset,
  });
  const rows = result['sessions'] as readonly SessionRow[];
  const total = result['total'] as number;
  const next = offset + rows.length;
  const { models } = (await context.call('models.list', {})) as {
    models: readonly { id: string; provider: string; contextTokens: number }[];
  };
  const [first] = models;
  const usual = await usualModels(context);
  return {
    ts: context.now(),
    count: rows.length,
    totalCount: total,
    hasMore: next < total,
    ...(next < total ? { nextOffset: next } : {}),
    ...(limit === undefined ? {} : { limitApplied: limit }),
    defaults: {
      modelProvider: first?.provider ?? null,
      model: first === undefined ? null : modelName(first.id).model,
      contextTokens: first?.contextTokens ?? null,
    },
    sessions: rows.map((row) => sessionRow(row, usual.get(row.agent))),
  };
}

/** The key that clients call `key`, also where they prefix nothing. */
function keyOf(params: Readonly<Record<string, unknown>>): string {
  return text(params, 'key');
}

/** First model of each agent, for sessions that chose none. */
export async function usualModels(context: MethodContext): Promise<ReadonlyMap<string, string | undefined>> {
  const { agents } = (await context.call('agents.list', {})) as {
    agents: readonly { readonly id: string; readonly models: readonly string[] }[];
  };
  return new Map(agents.map(({ id, models }) => [id, models[0]]));
}

/** The canonical form of a key, also of a session that does not exist yet. */
async function canonicalKey(context: MethodContext, key: string): Promise<string> {
  const { sessionKey } = await context.call('chat.history', { sessionKey: key, limit: 1 });
  return String(sessionKey);
}

function entryOf(row: SessionRow) {
  return { sessionId: row.sessionId, updatedAt: row.updatedAt };
}

export const SESSION_METHODS: readonly Method[] = [
  { name: 'sessions.list', handle: list },
  {
    name: 'sessions.subscribe',
    scope: 'operator.read',
    async handle(context, params) {
      context.subscriptions.sessions = true;
      if (Object.keys(params).length === 0) return { subscribed: true };
      return { subscribed: true, list: await list(context, params) };
    },
  },
  {
    name: 'sessions.unsubscribe',
    scope: 'operator.read',
    async handle(context) {
      context.subscriptions.sessions = false;
      return { subscribed: false };
    },
  },
  {
    name: 'sessions.messages.subscribe',
    async handle(context, params) {
      const key = await canonicalKey(context, keyOf(params));
      context.subscriptions.messages.add(key);
      return { subscribed: true, key };
    },
  },
  {
    name: 'sessions.messages.unsubscribe',
    async handle(context, params) {
      const key = await canonicalKey(context, keyOf(params));
      context.subscriptions.messages.delete(key);
      return { subscribed: false, key };
    },
  },
  {
    name: 'sessions.describe',
    async handle(context, params) {
      const row = await find(context, keyOf(params));
      if (row === undefined) return { session: null };
      return { session: sessionRow(row, (await usualModels(context)).get(row.agent)) };
    },
  },
  {
    name: 'sessions.resolve',
    async handle(context, params) {
      const wanted =
        optionalText(params, 'key') ?? optionalText(params, 'label') ?? optionalText(params, 'sessionId');
      const row = wanted === undefined ? undefined : await find(context, wanted);
      if (row !== undefined) return { ok: true, key: row.key, agentId: row.agent };
      if (optionalFlag(params, 'allowMissing') === true) return { ok: false };
      throw WS_CODES.error('WS_PARAMS_INVALID', 'no session of that name');
    },
  },
  {
    name: 'sessions.create',
    async handle(context, params) {
      const sessionKey = optionalText(params, 'key') ?? `s-${context.now().toString(36)}`;
      const { session } = await context.call(
        'sessions.create',
        defined({
          sessionKey,
          agent: optionalText(params, 'agentId'),
          label: optionalText(params, 'label'),
          model: optionalText(params, 'model'),
        }),
      );
      const row = session as SessionRow;
      context.announce(sessionChanged(row, 'new', context.now(), row));
      const created = { ok: true, key: row.key, sessionId: row.sessionId, entry: entryOf(row) };
      const message = optionalText(params, 'message');
      if (message === undefined) return created;
      const runId = `run-${row.sessionId}-${context.now().toString(36)}`;
      context.holdRun(runId);
      await context.call('chat.send', { sessionKey: row.key, message, idempotencyKey: runId });
      return { ...created, runStarted: true, runId };
    },
  },
  {
    name: 'sessions.patch',
    async handle(context, params) {
      const patch: Record<string, unknown> = { sessionKey: keyOf(params) };
      for (const name of ['label', 'model', 'thinkingLevel', 'verboseLevel', 'archived', 'pinned']) {
        if (params[name] !== undefined) patch[name] = params[name];
      }
      const { session } = await context.call('sessions.patch', patch);
      const row = session as SessionRow;
      context.announce(sessionChanged(row, 'patch', context.now(), row));
      const { provider, model } = modelName(row.model ?? '');
      return {
        ok: true,
        path: '',
        key: row.key,
        entry: entryOf(row),
        resolved: { modelProvider: provider, model },
      };
    },
  },
  {
    name: 'sessions.reset',
    async handle(context, params) {
      const { session } = await context.call('sessions.reset', { sessionKey: keyOf(params) });
      const row = session as SessionRow;
      context.announce(sessionChanged(row, 'reset', context.now(), row));
      return { ok: true, key: row.key, entry: entryOf(row) };
    },
  },
  {
    name: 'sessions.delete',
    async handle(context, params) {
      const result = await context.call('sessions.delete', { sessionKey: keyOf(params) });
      const key = String(result['sessionKey']);
      const agent = key.split(':')[1] ?? '';
      context.announce(sessionChanged({ key, agent }, 'delete', context.now()));
      return { ok: true, key, deleted: result['deleted'], archived: [] };
    },
  },
  {
    name: 'sessions.abort',
    async handle(context, params) {
      const result = await context.call(
        'sessions.abort',
        defined({ sessionKey: optionalText(params, 'key') ?? 'main', runId: optionalText(params, 'runId') }),
      );
      const [run = null] = result['runIds'] as readonly string[];
      return { ok: true, abortedRunId: run, status: run === null ? 'idle' : 'aborted' };
    },
  },
  {
    name: 'sessions.preview',
    async handle(context, params) {
      const keys = (Array.isArray(params['keys']) ? params['keys'] : []).slice(0, MAX_PREVIEWS).map(String);
      const limit = optionalNumber(params, 'limit', 1, 20) ?? 3;
      const previews = [];
      for (const key of keys) {
        const history = await context.call('chat.history', { sessionKey: key, limit });
        const messages = history['messages'] as readonly StoredMessage[];
        previews.push({
          key,
          status: messages.length === 0 ? 'empty' : 'ok',
          items: messages.map((message) => ({ role: historyRow(message).role, text: plainText(message) })),
        });
      }
      return { ts: context.now(), previews };
    },
  },
];
