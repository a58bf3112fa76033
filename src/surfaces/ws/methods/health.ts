import type { SessionRow } from '../../../agents/types.ts';
import type { Method, MethodContext } from '../method.ts';
import { sessionRow } from '../rows.ts';

const RECENT = 5;

interface Overview {
  readonly defaultAgent: string;
  readonly agents: readonly { readonly id: string; readonly models: readonly string[] }[];
  readonly sessions: readonly SessionRow[];
  readonly total: number;
}

async function overview(context: MethodContext): Promise<Overview> {
  const [agents, sessions] = await Promise.all([
    context.call('agents.list', {}),
    context.call('sessions.list', { limit: 100 }),
  ]);
  return { ...agents, ...sessions } as unknown as Overview;
}

/** Sessions as health tells them: which, and how long ago. */
function recent(sessions: readonly SessionRow[], now: number) {
  return sessions
    .slice(0, RECENT)
    .map(({ key, updatedAt }) => ({ key, updatedAt, age: Math.max(0, now - updatedAt) }));
}

/** Gatehouse has no heartbeat; clients want to read that it is off. */
const NO_HEARTBEAT = {
  enabled: false,
  every: 'off',
  everyMs: null,
  prompt: '',
  target: 'none',
  ackMaxChars: 0,
} as const;

async function health(context: MethodContext) {
  const now = context.now();
  const state = await context.call('health.get', {});
  const view = await overview(context);
  return {
    // The published form knows only `true`: a gateway that is not ready leaves it out, and status says why.
    ...(state['ready'] === true ? { ok: true } : {}),
    ts: now,
    durationMs: Math.max(0, context.now() - now),
    channels: {},
    channelOrder: [],
    channelLabels: {},
    heartbeatSeconds: 0,
    defaultAgentId: view.defaultAgent,
    agents: view.agents.map(({ id }) => {
      const own = view.sessions.filter((session) => session.agent === id);
      return {
        agentId: id,
        isDefault: id === view.defaultAgent,
        heartbeat: NO_HEARTBEAT,
        sessions: { path: '', count: own.length, recent: recent(own, now) },
      };
    }),
    sessions: { path: '', count: view.total, recent: recent(view.sessions, now) },
  };
}

function perAgent(view: Overview, id: string) {
  const own = view.sessions.filter((session) => session.agent === id);
  return { path: '', count: own.length, recent: own.slice(0, RECENT).map((row) => sessionRow(row)) };
}

async function status(context: MethodContext) {
  const state = await context.call('health.get', {});
  const view = await overview(context);
  const model = view.agents.find(({ id }) => id === view.defaultAgent)?.models[0] ?? null;
  return {
    runtimeVersion: state['version'],
    ready: state['ready'],
    failing: state['failing'],
    uptimeMs: state['uptimeMs'],
    channelSummary: [],
    queuedSystemEvents: [],
    heartbeat: {
      defaultAgentId: view.defaultAgent,
      agents: view.agents.map(({ id }) => ({ agentId: id, enabled: false, every: 'off', everyMs: null })),
    },
    sessions: {
      paths: [],
      count: view.total,
      defaults: { model, contextTokens: null },
      recent: view.sessions.slice(0, RECENT).map((row) => sessionRow(row)),
      byAgent: view.agents.map(({ id }) => ({ agentId: id, ...perAgent(view, id) })),
    },
    tasks: { total: 0, active: 0, terminal: 0, failures: 0, byStatus: {}, byRuntime: {} },
    taskAudit: { total: 0, warnings: 0, errors: 0, byCode: {} },
  };
}

export const HEALTH_METHODS: readonly Method[] = [
  {
    // Probes ask without any scope: they learn that a gateway answers, and nothing about it.
    name: 'health',
    async handle(context) {
      const mayRead = context.caller.principal.scopes.includes('operator.read');
      return mayRead ? health(context) : { ok: true, ts: context.now(), durationMs: 0 };
    },
  },
  { name: 'status', handle: status },
  {
    name: 'channels.status',
    scope: 'operator.read',
    handle: async (context) => ({
      ts: context.now(),
      channelOrder: [],
      channelLabels: {},
      channels: {},
      channelAccounts: {},
      channelDefaultAccountId: {},
    }),
  },
  {
    name: 'config.get',
    async handle(context) {
      const { value } = await context.call('config.get', {});
      const { config } = (await context.call('gateway.status', {})) as { config: { hash: string } };
      return { path: '', exists: true, valid: true, hash: config.hash, config: value, raw: null, issues: [] };
    },
  },
];
