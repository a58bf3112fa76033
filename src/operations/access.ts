import type { SessionRow } from '../agents/types.ts';
import { type Action, decide, GatehouseError } from '../kernel/index.ts';
import { OP_CODES } from './codes.ts';
import type { OperationContext } from './define.ts';

type Context = OperationContext<never>;

interface Refusal {
  readonly message: string;
  readonly fix: string;
}

/**
 * Let one action through, or refuse it with the decision's code once the refusal is in the ledger.
 *
 * @throws the decision's code, status 403
 */
export async function permit(context: Context, action: Action, { message, fix }: Refusal): Promise<void> {
  const { caller, services } = context;
  const decision = decide(caller.authority, caller.subject, action, services.clock.now());
  if (decision.effect === 'allow') return;
  await services.denials.record({
    type: 'decision',
    action: action.kind,
    outcome: 'deny',
    code: decision.code,
    rule: decision.rule,
    subject: action.kind === 'agent.run' ? { ...caller.subject, agent: action.agent } : caller.subject,
    trace: caller.trace,
    authorityHash: decision.authorityHash,
  });
  throw new GatehouseError(decision.code, `${message}: ${decision.reason}`, {
    status: 403,
    fix,
    details: { rule: decision.rule },
  });
}

/** Whether the caller's credential is for this agent; what concerns other agents is not shown to it. */
export function seesAgent({ caller }: Context, agent: string): boolean {
  const { agents } = caller.principal;
  return agents.includes('*') || agents.includes(agent);
}

/**
 * The agent that an input names, or the default one.
 *
 * @throws OP_AGENT_UNKNOWN, also for an agent that the caller's credential is not for
 */
export function visibleAgent(context: Context, named?: string): string {
  const config = context.services.config.current();
  const agent = named ?? config.defaultAgent;
  if (!config.agents.has(agent) || !seesAgent(context, agent)) throw OP_CODES.error('OP_AGENT_UNKNOWN');
  return agent;
}

/**
 * The agent that an input names, or the default one, once the caller may start work of it.
 *
 * @throws OP_AGENT_UNKNOWN, or the decision's code when the caller may not use it
 */
async function usableAgent(context: Context, named?: string): Promise<string> {
  const config = context.services.config.current();
  const agent = named ?? config.defaultAgent;
  await permit(
    context,
    { kind: 'agent.run', agent },
    {
      message: `you may not use the agent ${agent}`,
      fix: 'Use a token that is issued for this agent (gatehouse token issue NAME --agents AGENT).',
    },
  );
  if (!config.agents.has(agent)) throw OP_CODES.error('OP_AGENT_UNKNOWN');
  return agent;
}

/** Agent of a canonical session key, `agent:<agent>:<name>`. */
function agentOfKey(key: string): string | undefined {
  const [prefix, agent] = key.split(':');
  return prefix === 'agent' ? agent : undefined;
}

/**
 * The canonical key of one of the caller's conversations, with an agent that the caller may use.
 *
 * @throws SESSION_KEY_INVALID, OP_INPUT_INVALID when key and agent contradict each other, OP_AGENT_UNKNOWN
 */
export async function ownSessionKey(
  context: Context,
  key: string,
  agent?: string,
): Promise<{ readonly sessionKey: string; readonly agent: string }> {
  const { sessions, config } = context.services;
  const sessionKey = sessions.canonicalKey(key, agent ?? config.current().defaultAgent);
  const owner = agentOfKey(sessionKey);
  if (agent !== undefined && owner !== undefined && owner !== agent) {
    throw OP_CODES.error('OP_INPUT_INVALID', `the session belongs to the agent ${owner}, not to ${agent}`, {
      details: { issues: [{ path: 'agent', problem: `the session key names the agent ${owner}` }] },
    });
  }
  return { sessionKey, agent: await usableAgent(context, owner ?? agent) };
}

/**
 * Refuse looking beyond the caller's own space to anybody but an administrator (S5).
 *
 * @throws AUTH_SCOPE_MISSING
 */
export function requireAdminForAll({ caller }: Context, all: boolean | undefined): void {
  if (all !== true || caller.principal.scopes.includes('operator.admin')) return;
  throw new GatehouseError('AUTH_SCOPE_MISSING', 'only an administrator may look into other spaces', {
    status: 403,
    fix: 'Leave `all` out, or use a token with operator.admin.',
    details: { missingScope: 'operator.admin' },
  });
}

/**
 * One of the caller's own sessions by key; with `all`, of any space and also by session id.
 *
 * @returns undefined when there is none, which is also the answer for somebody else's session
 */
export async function findSession(
  context: Context,
  key: string,
  all?: boolean,
): Promise<SessionRow | undefined> {
  requireAdminForAll(context, all);
  const { sessions, config } = context.services;
  if (all === true) {
    const byId = await sessions.findById(key);
    if (byId !== undefined) return byId;
  }
  return sessions.find(context.caller.space, sessions.canonicalKey(key, config.current().defaultAgent));
}

/** As `findSession`, for operations that need it to exist. @throws OP_SESSION_NOT_FOUND */
export async function existingSession(context: Context, key: string, all?: boolean): Promise<SessionRow> {
  const row = await findSession(context, key, all);
  if (row === undefined) throw OP_CODES.error('OP_SESSION_NOT_FOUND');
  return row;
}
