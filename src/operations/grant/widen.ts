import type { GrantRecord, GrantRequest } from '../../controls/grants/index.ts';
import { type Action, type ActionKind, decide } from '../../kernel/index.ts';
import { visibleAgent } from '../access.ts';
import { OP_CODES } from '../codes.ts';
import type { OperationContext } from '../define.ts';
import type { WidenFields } from './schema.ts';

type Context = OperationContext<never>;

/** The request in full: every layer that a grant can widen for this agent, and nobody else. */
export function requestOf(
  context: Context,
  fields: WidenFields & {
    readonly kind: ActionKind;
    readonly match: GrantRequest['match'];
  },
  durationMs: number,
): GrantRequest {
  const { kind, match, ticket, reason, session, owner = context.caller.principal.name } = fields;
  const facts = { kind, match, owner, ticket, reason, durationMs };
  if (kind === 'listen.open') return { ...facts, layers: ['ceiling'], subject: {} };
  const agent = visibleAgent(context, fields.agent);
  const playbook = context.services.config.current().agents.get(agent)?.playbook ?? '';
  return {
    ...facts,
    layers: ['ceiling', `playbook:${playbook}`],
    subject: { agent, ...(session === undefined ? {} : { session }) },
  };
}

/** `host=a,port=443` as lists by attribute. @throws OP_INPUT_INVALID */
export function matchOf(pairs: readonly string[]): GrantRequest['match'] {
  const match: Record<string, string[]> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const attribute = pair.slice(0, Math.max(at, 0));
    if (!/^[a-z]{1,40}$/.test(attribute)) {
      throw OP_CODES.error('OP_INPUT_INVALID', `${JSON.stringify(pair)} is not ATTRIBUTE=VALUE`, {
        details: { issues: [{ path: 'match', problem: 'write for example host=api.example.org' }] },
      });
    }
    (match[attribute] ??= []).push(pair.slice(at + 1));
  }
  return match;
}

/** Egress has looked when this returns, so that what was granted is open and what was revoked is closed. */
export async function settled({ services }: Context): Promise<void> {
  await services.egress
    .refreshGrants()
    .catch((cause: unknown) =>
      services.logger.warn('egress did not look at the grants', { cause: String(cause) }),
    );
}

/** What is decided about the first thing that a grant names. */
export function opens({ services, caller }: Context, record: GrantRecord) {
  const { kind, match, subject } = record;
  const policy = services.config.current().agents.get(subject.agent ?? '');
  const { ceiling } = services.config.current();
  const authority = policy?.authority ?? { layers: [ceiling], hash: ceiling.hash };
  const values = Object.fromEntries(Object.entries(match).map(([name, [first = '']]) => [name, first]));
  const command = (values['command'] ?? '').replace(/ \$$/, '');
  const exec = kind === 'exec' ? { command, program: command.split(' ')[0] ?? '', unclear: false } : {};
  const action = { kind, ...values, ...exec } as Action;
  const who = { principal: caller.principal.id, ...subject };
  const { effect, rule, reason } = decide(authority, who, action, services.clock.now());
  return { effect, rule, reason };
}
