import { GatehouseError } from '../../../kernel/index.ts';
import type { Method, MethodContext } from '../method.ts';
import { defined, optionalNumber, optionalText, text } from '../params.ts';

interface AgentItem {
  readonly id: string;
  readonly name: string;
  readonly models: readonly string[];
}

interface ModelItem {
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  readonly contextTokens: number;
}

async function agents(context: MethodContext) {
  return (await context.call('agents.list', {})) as { defaultAgent: string; agents: readonly AgentItem[] };
}

/** Parts that Gatehouse does not have: an empty list says so in the clients' own terms. */
const EMPTY: readonly (readonly [name: string, scope: string, answer: (now: number) => unknown])[] = [
  ['question.list', 'operator.questions', () => ({ questions: [] })],
  ['taskSuggestions.list', 'operator.read', () => ({ suggestions: [] })],
  ['users.list', 'operator.read', () => ({ profiles: [] })],
  ['tasks.list', 'operator.read', () => ({ tasks: [] })],
  ['skills.status', 'operator.read', () => ({ workspaceDir: '', managedSkillsDir: '', skills: [] })],
  ['cron.list', 'operator.read', () => ({ jobs: [] })],
  ['cron.status', 'operator.read', () => ({ enabled: false, jobs: 0 })],
  ['node.list', 'operator.read', (now) => ({ ts: now, nodes: [] })],
  ['node.pair.list', 'operator.pairing', () => ({ pending: [], paired: [] })],
  ['system-presence', 'operator.read', () => []],
  ['last-heartbeat', 'operator.read', () => null],
];

export const CATALOG_METHODS: readonly Method[] = [
  ...EMPTY.map(
    ([name, scope, answer]): Method => ({ name, scope, handle: async (context) => answer(context.now()) }),
  ),
  {
    name: 'agents.list',
    async handle(context) {
      const { defaultAgent, agents: items } = await agents(context);
      return {
        defaultId: defaultAgent,
        mainKey: 'main',
        scope: 'per-sender',
        agents: items.map((agent) => ({
          id: agent.id,
          name: agent.name,
          identity: { name: agent.name },
          ...(agent.models[0] === undefined
            ? {}
            : { model: { primary: agent.models[0], fallbacks: agent.models.slice(1) } }),
        })),
      };
    },
  },
  {
    name: 'models.list',
    async handle(context) {
      const { models } = (await context.call('models.list', {})) as { models: readonly ModelItem[] };
      return {
        models: models.map((model) => ({
          id: model.id.slice(model.provider.length + 1),
          name: model.name,
          provider: model.provider,
          available: true,
          contextWindow: model.contextTokens,
        })),
      };
    },
  },
  {
    name: 'commands.list',
    scope: 'operator.read',
    handle: async () => ({ commands: [] }),
  },
  {
    name: 'tools.invoke',
    async handle(context, params) {
      const toolName = text(params, 'name');
      const args = params['args'];
      try {
        const outcome = await context.call(
          'tools.invoke',
          defined({
            tool: toolName,
            args: typeof args === 'object' && args !== null ? args : {},
            sessionKey: optionalText(params, 'sessionKey'),
            agent: optionalText(params, 'agentId'),
            idempotencyKey: optionalText(params, 'idempotencyKey'),
          }),
        );
        if (outcome['isError'] === true) {
          return {
            ok: false,
            toolName,
            error: { code: outcome['code'] ?? 'TOOL_FAILED', message: outcome['text'] },
          };
        }
        return { ok: true, toolName, output: { content: [{ type: 'text', text: outcome['text'] }] } };
      } catch (thrown) {
        if (!(thrown instanceof GatehouseError) || thrown.code === 'AUTH_SCOPE_MISSING') throw thrown;
        return { ok: false, toolName, error: { code: thrown.code, message: thrown.message } };
      }
    },
  },
  {
    name: 'logs.tail',
    async handle(context, params) {
      return context.call(
        'logs.tail',
        defined({
          cursor: optionalNumber(params, 'cursor', 0, Number.MAX_SAFE_INTEGER),
          limit: optionalNumber(params, 'limit', 1, 5_000),
          maxBytes: optionalNumber(params, 'maxBytes', 1, 1_000_000),
        }),
      );
    },
  },
];
