import { type CompiledLayer, compileLayer, type Grant, type Rule } from '../../kernel/index.ts';
import { SANDBOX_ROOTS } from '../playbooks/files.ts';
import type { ConfigInput } from '../schema.ts';
import type { RunSecretReference } from '../types.ts';
import type { EgressRules, InstallDestination } from './egress.ts';
import { secretCeiling } from './run-secrets.ts';
import { TOOLS, type ToolBounds } from './tools.ts';

/** Kinds that the install does not bound: playbook, principal and taint decide about them. */
const UNBOUNDED = [
  'message.receive',
  'message.send',
  'agent.run',
  'model.call',
  'memory.write',
  'config.change',
  'operation.call',
] as const;

export interface CeilingParts {
  readonly input: ConfigInput;
  readonly tools: ToolBounds;
  readonly destinations: readonly InstallDestination[];
  /** Whether `policy/egress.yaml` exists: without rules it allows nothing. */
  readonly hasEgressPolicy: boolean;
  readonly egress: EgressRules | undefined;
  readonly grants: readonly Grant[];
  readonly secrets: readonly RunSecretReference[];
}

function toolRules(tools: ToolBounds): readonly Rule[] {
  const withheld = TOOLS.filter((tool) => !tools.allow.includes(tool));
  const reason = 'the configuration leaves this tool out (tools)';
  return [
    { id: 'tools.deny', kind: 'tool.call', effect: 'deny', match: { tool: tools.deny }, reason },
    { id: 'tools.allow', kind: 'tool.call', effect: 'deny', match: { tool: withheld }, reason },
    { id: 'tools', kind: 'tool.call', effect: 'allow', match: { tool: tools.allow } },
  ];
}

function commandRule(exec: NonNullable<ConfigInput['tools']>['exec']): Rule {
  if (exec?.security === 'deny') {
    return {
      id: 'tools.exec.security',
      kind: 'exec',
      effect: 'deny',
      reason: 'the configuration allows no commands',
    };
  }
  return exec?.ask === 'always'
    ? {
        id: 'tools.exec.ask',
        kind: 'exec',
        effect: 'ask',
        reason: 'the configuration asks for every command',
      }
    : { id: 'tools.exec', kind: 'exec', effect: 'allow' };
}

/**
 * The install's list bounds every playbook as soon as there is one. Where the choice is left to playbooks, what the
 * list denies or asks for still holds.
 */
function networkRules({ input, destinations, hasEgressPolicy, egress }: CeilingParts): readonly Rule[] {
  const policy = input.networkPolicy;
  const rules = egress?.compileEgressRules(destinations.map(({ spec }) => spec)) ?? [];
  const unbounded = policy === undefined ? !hasEgressPolicy : policy.allow_egress === true;
  return unbounded ? [...rules, { id: 'networkPolicy', kind: 'net.connect', effect: 'allow' }] : rules;
}

/**
 * The layer that bounds the whole install. Each kind of action that may pass at all has a rule here, because
 * without one it is denied. Files outside the sandbox's own roots have none: no playbook opens them.
 */
export function compileCeiling(parts: CeilingParts): CompiledLayer {
  const below = SANDBOX_ROOTS.map((root) => `${root}/**`);
  return compileLayer({
    id: 'ceiling',
    rules: [
      ...UNBOUNDED.map((kind): Rule => ({ id: `install:${kind}`, kind, effect: 'allow' })),
      ...toolRules(parts.tools),
      commandRule(parts.input.tools?.exec),
      { id: 'sandbox:read', kind: 'file.read', effect: 'allow', match: { path: below } },
      { id: 'sandbox:write', kind: 'file.write', effect: 'allow', match: { path: below } },
      ...networkRules(parts),
      ...secretCeiling(parts.secrets),
    ],
    grants: parts.grants.filter((grant) => grant.layer === 'ceiling'),
  });
}
