import {
  ACTION_KINDS,
  type ActionKind,
  DEFAULT_TAINT_POLICY,
  type Effect,
  type Grant,
  type Layer,
  type Rule,
  type TaintPolicy,
} from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import { playbookSecrets } from '../policy/run-secrets.ts';
import { TOOLS } from '../policy/tools.ts';
import type { RunSecretReference } from '../types.ts';
import { compileCommands } from './commands.ts';
import { compileFiles } from './files.ts';
import type { Playbook } from './schema.ts';

/** What every agent may do in order to work at all; everything else stands in its playbook. */
const BASE_RULES: readonly Rule[] = [
  { id: 'agent', kind: 'agent.run', effect: 'allow' },
  { id: 'model', kind: 'model.call', effect: 'allow' },
  { id: 'senders', kind: 'message.receive', effect: 'allow' },
];

export interface CompileContext {
  readonly issues: Issues;
  /** Destinations of this agent, compiled by the egress control. */
  readonly egress: readonly Rule[];
  readonly grants: readonly Grant[];
  /** Secrets that runs of this install can use at all. */
  readonly secrets: readonly RunSecretReference[];
}

function compileTools(playbook: Playbook, issues: Issues): readonly Rule[] {
  const rules: Rule[] = [];
  for (const effect of ['deny', 'ask', 'allow'] as const) {
    (playbook.tools[effect] ?? []).forEach((tool, index) => {
      if (!TOOLS.includes(tool)) {
        const nearest = nearestName(tool, TOOLS);
        issues.error(['tools', effect, index], 'CONFIG_BAD_VALUE', {
          message: `there is no tool ${JSON.stringify(tool)}; the tools are ${TOOLS.join(', ')}`,
          ...(nearest === undefined ? {} : { nearest }),
        });
      }
      rules.push({ id: `tool:${tool}`, kind: 'tool.call', effect, match: { tool: [tool] } });
    });
  }
  return rules;
}

/**
 * The layer `playbook:<name>` of a playbook. It has no rule for operations, configuration or memory: an agent
 * changes none of them.
 */
export function compilePlaybook(playbook: Playbook, context: CompileContext): Layer {
  const { issues } = context;
  const send: Rule = { id: 'messages', kind: 'message.send', effect: playbook.messages?.send ?? 'ask' };
  return {
    id: `playbook:${playbook.playbook}`,
    rules: [
      ...BASE_RULES,
      send,
      ...compileTools(playbook, issues),
      ...compileCommands(playbook.commands ?? [], issues),
      ...compileFiles(playbook.files, issues),
      ...context.egress,
      ...playbookSecrets(playbook.secrets ?? [], context.secrets, issues),
    ],
    grants: context.grants,
  };
}

/**
 * What content takes away: never less than the kernel's own policy, more where the playbook says so (X9). The two
 * exceptions are named: `untrusted: { exec: allow }` lets the commands that the playbook allows go on, and
 * `secret.use: allow` its secrets. They do not count for a session that has read private data too.
 */
export function compileTaint(playbook: Playbook): TaintPolicy {
  const untrusted = stricter(DEFAULT_TAINT_POLICY.untrusted ?? {}, playbook.untrusted ?? {});
  if (playbook.untrusted?.exec === 'allow') untrusted.exec = 'allow';
  if (playbook.untrusted?.['secret.use'] === 'allow') untrusted['secret.use'] = 'allow';
  return { ...DEFAULT_TAINT_POLICY, untrusted, private: { ...playbook.private } };
}

function stricter(
  base: Readonly<Partial<Record<ActionKind, Effect>>>,
  more: Readonly<Partial<Record<ActionKind, Effect>>>,
): Partial<Record<ActionKind, Effect>> {
  const merged = { ...base };
  for (const kind of ACTION_KINDS) {
    const effect = more[kind];
    if (effect !== undefined && effect !== 'allow' && merged[kind] !== 'deny') merged[kind] = effect;
  }
  return merged;
}
