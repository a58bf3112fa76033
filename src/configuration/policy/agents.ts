import { join } from 'node:path';
import type { AgentPolicy } from '../../agents/types.ts';
import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import { authorityOf, type CompiledLayer, compileLayer, type Grant, type Layer } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import { compilePlaybook, compileTaint } from '../playbooks/compile.ts';
import type { LoadedPlaybook } from '../playbooks/load.ts';
import type { Playbook } from '../playbooks/schema.ts';
import type { ConfigInput } from '../schema.ts';
import type { ProviderConfig, RunSecretReference } from '../types.ts';
import { agentDestinations, type EgressRules, type InstallDestination } from './egress.ts';
import { type HostPlaces, permittedHostPath } from './host-paths.ts';
import { sandboxLimits, turnLimits } from './limits.ts';
import { chooseModels } from './models.ts';
import { type AgentSettings, type NamedAgent, settingPath } from './named-agents.ts';
import { agentTools, TOOLS } from './tools.ts';

export interface AgentContext {
  readonly input: ConfigInput;
  readonly playbooks: ReadonlyMap<string, LoadedPlaybook>;
  readonly providers: readonly ProviderConfig[];
  /** Model that the environment asks for. */
  readonly wantedModel: string | undefined;
  readonly ceiling: CompiledLayer;
  readonly grants: readonly Grant[];
  readonly destinations: readonly InstallDestination[];
  readonly egress: EgressRules | undefined;
  readonly secrets: readonly RunSecretReference[];
  readonly places: HostPlaces;
  readonly issues: Issues;
}

/** The playbook an agent names, or an issue with the nearest name. */
function playbookOf(agent: NamedAgent, context: AgentContext): LoadedPlaybook | undefined {
  const name = agent.settings.playbook ?? 'default';
  const found = context.playbooks.get(name);
  if (found !== undefined) return found;
  const nearest = nearestName(name, context.playbooks.keys());
  context.issues.error(settingPath(agent, 'playbook'), 'PLAYBOOK_UNKNOWN', {
    message: `there is no playbook ${JSON.stringify(name)}`,
    ...(nearest === undefined ? {} : { nearest }),
  });
  return undefined;
}

const ACCESS = ['none', 'ro', 'rw'] as const;
const SCOPE = ['session', 'agent', 'shared'] as const;

/** The one that stands further left, which is the one that gives less. */
function narrower<T extends string>(order: readonly T[], a: T, b: T | undefined): T {
  return b !== undefined && order.indexOf(b) < order.indexOf(a) ? b : a;
}

/** What the agent's own `tools` takes away from its playbook. */
function ownLayer(agent: NamedAgent, issues: Issues): Layer | undefined {
  const left = agentTools(agent.settings.tools, settingPath(agent, 'tools'), issues);
  const withheld = TOOLS.filter((tool) => !left.includes(tool));
  if (withheld.length === 0) return undefined;
  const reason = "the agent's own tools leave this one out";
  return {
    id: `agent:${agent.id}`,
    rules: [
      { id: 'tools', kind: 'tool.call', effect: 'deny', match: { tool: withheld }, reason },
      { id: 'otherwise', kind: '*', effect: 'allow' },
    ],
  };
}

export interface CompiledAgent {
  readonly policy: AgentPolicy;
  readonly destinations: readonly EgressRuleSpec[];
}

/** Everything that is fixed about an agent: install ceiling ∩ playbook ∩ what the agent's own settings leave. */
export function compileAgent(agent: NamedAgent, context: AgentContext): CompiledAgent | undefined {
  const loaded = playbookOf(agent, context);
  if (loaded === undefined) return undefined;
  const { settings, id } = agent;
  const playbook = narrowedFiles(loaded.playbook, settings);
  const { egress } = context;
  const destinations =
    egress === undefined ? [] : agentDestinations(playbook, id, context.destinations, egress, loaded.issues);
  const grants = context.grants.filter((grant) => grant.layer === `playbook:${playbook.playbook}`);
  const rules = loaded.issues.errors.length > 0 ? [] : (egress?.compileEgressRules(destinations) ?? []);
  const { secrets } = context;
  const layer = compilePlaybook(playbook, { issues: loaded.issues, egress: rules, grants, secrets });
  checkRuleSecrets(destinations, playbook, loaded.issues);
  const own = ownLayer(agent, context.issues);
  const { sandbox = {}, turn } = playbook;
  const said = { ...settings.turn, seconds: settings.turn?.seconds ?? settings.timeoutSeconds };
  const policy: AgentPolicy = {
    agent: id,
    name: agent.entry.name ?? id,
    playbook: playbook.playbook,
    ...(playbook.askForEgress === true ? { askForEgress: true } : {}),
    authority: authorityOf(context.ceiling, compileLayer(layer), ...(own === undefined ? [] : [own])),
    taintPolicy: compileTaint(playbook),
    ...(playbook.approvals === undefined ? {} : { approvers: playbook.approvals.people }),
    ...(playbook.files.private === undefined ? {} : { private: playbook.files.private }),
    models: chooseModels(agent, context),
    systemPrompt: [playbook.prompt, settings.systemPrompt].filter((text) => text !== undefined).join('\n\n'),
    workspace: workspaceOf(agent, context),
    workspaceAccess: playbook.files.workspace,
    ...ephemeralOf(playbook, agent, context),
    mounts: mountsOf(playbook, context, loaded.issues),
    sandboxScope: narrower(SCOPE, sandbox.scope ?? 'agent', settings.sandbox?.scope),
    ...(settings.sandbox?.backend === undefined ? {} : { sandboxBackend: settings.sandbox.backend }),
    ...(settings.sandbox?.docker?.image === undefined ? {} : { sandboxImage: settings.sandbox.docker.image }),
    env: {},
    // Who may ask for a host has a socket to be refused on.
    egress:
      playbook.askForEgress === true ||
      destinations.some((rule) => rule.effect !== 'deny') ||
      grants.some(opensNetwork),
    secrets: secrets
      .filter(({ name }) => playbook.secrets?.includes(name) === true)
      .map(({ name, hosts }) => ({ name, hosts: hosts.map(({ host }) => host) })),
    ...(sandbox.programs === undefined ? {} : { programs: sandbox.programs }),
    limits: sandboxLimits(sandbox, withTimeout(context.input)),
    turn: turnLimits(turn, said),
    budgets: [playbook.budget, settings.budget].filter((limits) => limits !== undefined),
  };
  return { policy, destinations };
}

/** Compile a playbook that no agent has yet, to find what is wrong with it before one gets it. */
export function tryPlaybook({ playbook, issues }: LoadedPlaybook, context: AgentContext): void {
  const { egress, destinations } = context;
  if (egress !== undefined) agentDestinations(playbook, undefined, destinations, egress, issues);
  mountsOf(playbook, context, issues);
  compilePlaybook(playbook, { issues, egress: [], grants: [], secrets: context.secrets });
}

/** A rule that names a secret which its playbook does not list would never carry it. */
function checkRuleSecrets(destinations: readonly EgressRuleSpec[], playbook: Playbook, issues: Issues): void {
  for (const { id, secrets = [] } of destinations) {
    const missing = secrets.find((name) => playbook.secrets?.includes(name) !== true);
    if (missing === undefined) continue;
    const message = `the egress rule ${id} names the secret ${missing}, which playbook ${playbook.playbook} does not list under secrets`;
    issues.warn(['secrets'], 'PLAYBOOK_SECRET_UNLISTED', { message });
  }
}

function opensNetwork(grant: Grant): boolean {
  return grant.kind === 'net.connect';
}

/** `tools.exec.timeoutSeconds` bounds runs like `sandbox.seconds`; the smaller one counts. */
function withTimeout({ sandbox, tools }: ConfigInput) {
  const bounds = [sandbox?.seconds, tools?.exec?.timeoutSeconds].filter((value) => value !== undefined);
  return bounds.length === 0 ? { ...sandbox } : { ...sandbox, seconds: Math.min(...bounds) };
}

function narrowedFiles(playbook: Playbook, settings: AgentSettings): Playbook {
  const workspace = narrower(ACCESS, playbook.files.workspace, settings.sandbox?.workspaceAccess);
  return { ...playbook, files: { ...playbook.files, workspace } };
}

const HOUR_MS = 3_600_000;

/** Beside the agent's own folder below the home: a folder of the operator's is never filled and never emptied. */
function ephemeralOf(
  { files }: Playbook,
  agent: NamedAgent,
  { places, issues }: AgentContext,
): Pick<AgentPolicy, 'ephemeral'> {
  const { ephemeral, workspace } = files;
  if (ephemeral === undefined || workspace === 'none') return {};
  if (agent.entry.workspace !== undefined) {
    const message =
      'an agent whose sessions have workspaces of their own (files.ephemeral of its playbook) has no other one';
    issues.error([...agent.at, 'workspace'], 'CONFIG_BAD_VALUE', { message });
  }
  const { keepHours = 24, most = 20, megabytes = 20_480 } = ephemeral;
  const folder = join(places.workspaces, `${agent.id}.tasks`);
  return { ephemeral: { folder, graceMs: keepHours * HOUR_MS, most, bytes: megabytes * 1024 ** 2 } };
}

function workspaceOf(agent: NamedAgent, { places, issues }: AgentContext): string {
  const own = join(places.workspaces, agent.id);
  const written = agent.entry.workspace;
  if (written === undefined) return own;
  const permitted = permittedHostPath(written, places);
  if (permitted === undefined) issues.error([...agent.at, 'workspace'], 'CONFIG_PATH_NOT_ALLOWED');
  return permitted ?? own;
}

function mountsOf(playbook: Playbook, { places }: AgentContext, issues: Issues): AgentPolicy['mounts'] {
  return (playbook.files.mounts ?? []).flatMap(({ source, target, mode = 'ro' }, index) => {
    const at = ['files', 'mounts', index, 'source'];
    const permitted = permittedHostPath(source, places);
    if (permitted === undefined) {
      issues.error(at, 'CONFIG_PATH_NOT_ALLOWED');
      return [];
    }
    if (places.files.resolve(permitted) === undefined) {
      const message = `playbook ${playbook.playbook} mounts ${source}, which does not exist`;
      issues.warn(at, 'PLAYBOOK_MOUNT_MISSING', { message });
    }
    return [{ source: permitted, target, mode }];
  });
}

/** Two agents in one workspace would let one write what the other reads (attack 86). */
export function checkWorkspaces(agents: readonly AgentPolicy[], issues: Issues): void {
  const owners = new Map<string, string>();
  for (const { agent, workspace } of agents) {
    const owner = owners.get(workspace);
    if (owner !== undefined) {
      const message = `the agents ${owner} and ${agent} have the same workspace`;
      issues.error(['agents'], 'CONFIG_AGENT_INVALID', { message });
    }
    owners.set(workspace, agent);
  }
}
