import { type Static, Type } from 'typebox';
import { workingDirectory } from '../../agents/turn/sandbox-run.ts';
import type { AgentPolicy } from '../../agents/types.ts';
import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import {
  type Authority,
  authorityOf,
  type Decision,
  decide,
  narrow,
  type TaintLabel,
  taintLayer,
} from '../../kernel/index.ts';
import { findSession, visibleAgent } from '../access.ts';
import { OP_CODES } from '../codes.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { AgentId, orNull, SessionKey, strict } from '../schema.ts';
import { MAX_COMMAND_CHARS } from './schema.ts';
import { shellRunOf } from './spec.ts';

const Explained = strict(
  {
    command: Type.String(),
    effect: Type.Enum(['allow', 'ask', 'deny']),
    code: Type.String(),
    rule: Type.String({ description: 'The rule that decides.' }),
    reason: Type.String(),
    commands: Type.Array(
      strict({
        command: Type.String(),
        effect: Type.Enum(['allow', 'ask', 'deny']),
        rule: Type.String(),
      }),
      {
        description:
          'Every simple command of the line and every file it is redirected to, decided on its own.',
      },
    ),
    labels: Type.Array(Type.Enum(['untrusted', 'private']), { description: 'What the session carries.' }),
    unclear: Type.Array(Type.String(), {
      description: 'What was not understood; such a line is never allowed.',
    }),
  },
  { description: 'What would happen to the command.' },
);

const Feature = strict({
  name: Type.String(),
  holds: Type.Boolean(),
  how: Type.String({ description: 'How it is enforced, or why it is not.' }),
});

const SEVERITY = { allow: 0, ask: 1, deny: 2 } as const;

function authorityIn(policy: AgentPolicy, caller: Authority, taint: readonly TaintLabel[]): Authority {
  return narrow(narrow(policy.authority, caller), authorityOf(taintLayer(taint, policy.taintPolicy)));
}

/** As the agent's own call would be decided: the tool's rule and the command's rules, the strictest stands. */
async function explained(
  context: OperationContext<never>,
  policy: AgentPolicy,
  command: string,
  taint: readonly TaintLabel[],
): Promise<Static<typeof Explained>> {
  const { caller, services } = context;
  // The shell parser is heavy, and this is the only operation that needs it.
  const { analyseCommand, decideCommand } = await import('../../controls/execution/index.ts');
  const authority = authorityIn(policy, caller.authority, taint);
  const subject = { ...caller.subject, agent: policy.agent, tool: 'shell' };
  const now = services.clock.now();
  const analysis = analyseCommand(command, workingDirectory(policy));
  const tool = decide(authority, subject, { kind: 'tool.call', tool: 'shell' }, now);
  const line = decideCommand(authority, subject, analysis, now);
  const strictest: Decision = SEVERITY[line.effect] >= SEVERITY[tool.effect] ? line : tool;
  const { effect, code, rule, reason } = strictest;
  const commands = [...analysis.actions, ...analysis.files].map((action) => {
    const own = decide(authority, subject, action, now);
    const text = action.kind === 'exec' ? action.command : `${action.kind} ${action.path}`;
    return { command: text, effect: own.effect, rule: own.rule };
  });
  return {
    command,
    effect,
    code,
    rule,
    reason,
    commands,
    labels: [...taint],
    unclear: [...analysis.unclear],
  };
}

function destination({
  effect = 'allow',
  protocol = 'tls',
  host,
  port,
  class: kind,
}: EgressRuleSpec): string {
  return `${effect} ${protocol} ${host}:${port} (${kind})`;
}

export const sandboxExplain = defineOperation({
  id: 'sandbox.explain',
  summary: 'Show how an agent is confined, and what would happen to a command',
  description: 'Nothing is run.',
  input: strict({
    command: Type.Optional(
      Type.String({ description: 'A shell line to decide on.', minLength: 1, maxLength: MAX_COMMAND_CHARS }),
    ),
    agent: Type.Optional(AgentId),
    sessionKey: Type.Optional(SessionKey),
  }),
  output: strict({
    agent: Type.String(),
    backend: Type.String(),
    available: Type.Boolean({ description: 'Whether the backend works on this machine.' }),
    fix: orNull(Type.String({ description: 'How to install a backend when it does not.' })),
    decision: orNull(Explained),
    isolation: Type.Array(Type.String(), { description: 'The exact isolation of a run.' }),
    egress: Type.Array(Type.String(), { description: 'Where its way out leads; empty when it has none.' }),
    features: Type.Array(Feature, { description: 'What holds on this machine.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_AGENT_UNKNOWN'],
  cli: {
    command: 'sandbox explain',
    positional: ['command'],
    line: true,
    examples: [
      'gatehouse sandbox explain',
      'gatehouse sandbox explain --agent builder -- git push origin main',
    ],
    offline: true,
  },
  async run(context, { command, agent: named, sessionKey }) {
    const { config, sandbox, home } = context.services;
    const agent = visibleAgent(context, named);
    const policy = config.current().agents.get(agent);
    if (policy === undefined) throw OP_CODES.error('OP_AGENT_UNKNOWN');
    const session = sessionKey === undefined ? undefined : await findSession(context, sessionKey);
    const probe = await sandbox.probeOf(policy.sandboxBackend ?? sandbox.backend);
    return {
      agent,
      backend: probe.backend,
      available: probe.available,
      fix: probe.fix ?? null,
      decision:
        command === undefined ? null : await explained(context, policy, command, session?.taint ?? []),
      isolation: sandbox.explain(shellRunOf(policy, command ?? 'COMMAND', home)),
      egress: (config.current().egressRules.get(agent) ?? []).map(destination),
      features: Object.entries(probe.features).map(([name, feature]) => ({ name, ...feature })),
    };
  },
});
