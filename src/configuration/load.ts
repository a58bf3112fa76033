import { homedir } from 'node:os';
import type { AgentPolicy } from '../agents/types.ts';
import type { EgressRuleSpec } from '../controls/egress/types.ts';
import { GatehouseError } from '../kernel/index.ts';
import { hashOf } from './canonical.ts';
import type { ConfigCode } from './codes.ts';
import { environmentFacts } from './environment.ts';
import { type ConfigFiles, nodeFiles } from './files.ts';
import { Places, resolveIncludes } from './input/include.ts';
import { MAX_CONFIG_BYTES, parseJson5 } from './input/parse.ts';
import { validateShape } from './input/validate.ts';
import { Issues } from './issues.ts';
import { freezeDeep, isPlainObject } from './objects.ts';
import { checkReview, type LoadedPlaybook, loadPlaybooks } from './playbooks/load.ts';
import { type AgentContext, checkWorkspaces, compileAgent, tryPlaybook } from './policy/agents.ts';
import { readAlerts } from './policy/alerts.ts';
import { readAnchors } from './policy/anchors.ts';
import { readBindings } from './policy/bindings.ts';
import { compileCeiling } from './policy/ceiling.ts';
import { readChannels } from './policy/channels.ts';
import {
  checkPolicyAgents,
  installDestinations,
  loadEgressRules,
  requestBounds,
  writtenRules,
} from './policy/egress.ts';
import { egressLimitsOf, type LoadedEgressPolicy, loadEgressPolicy } from './policy/egress-file.ts';
import { readExports } from './policy/exports.ts';
import { readGrantPolicy } from './policy/grant-policy.ts';
import { readGrants } from './policy/grants.ts';
import type { HostPlaces } from './policy/host-paths.ts';
import { checkBinds } from './policy/listeners.ts';
import { defaultAgentOf, namedAgents } from './policy/named-agents.ts';
import { type EnvironmentFacts, readProviders } from './policy/providers.ts';
import { readRunSecrets } from './policy/run-secrets.ts';
import { checkSenders } from './policy/senders.ts';
import { installTools } from './policy/tools.ts';
import { readTracing } from './policy/tracing.ts';
import type { ConfigInput } from './schema.ts';
import type { ConfigIssue, ConfigPaths, EffectiveConfig } from './types.ts';
import { withDefaults } from './with-defaults.ts';

export interface LoadOptions {
  readonly paths: ConfigPaths;
  /** The process's environment; only names of provider keys, addresses and the port are taken from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files?: ConfigFiles;
  /** Unix milliseconds. */
  readonly now?: number;
  /** Home directory of the account, for `~/` and for what no sandbox may see. */
  readonly userHome?: string;
}

/** A configuration together with what it was made from. */
export interface LoadedConfig {
  readonly effective: EffectiveConfig;
  /** The file with its includes merged, before defaults. */
  readonly input: ConfigInput;
}

export interface ConfigText {
  /** Undefined when there are issues. */
  readonly input: ConfigInput | undefined;
  readonly issues: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/** Read one text without a home: syntax and schema, no includes, no playbooks. */
export async function loadConfigText(
  text: string | Uint8Array,
  file = 'gatehouse.json',
): Promise<ConfigText> {
  const places = new Places();
  const issues = new Issues(places.locate);
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const value = parseInto(bytes, file, issues, places);
  const input = value === undefined ? undefined : await shape(value, issues);
  const failed = issues.errors.length > 0;
  return { input: failed ? undefined : input, issues: issues.errors, warnings: issues.warnings };
}

function parseInto(bytes: Uint8Array, file: string, issues: Issues, places: Places): unknown {
  const parsed = parseJson5(bytes);
  for (const { segments, code, facts } of parsed.problems) issues.error(segments, code, { file, ...facts });
  if (!parsed.ok) return undefined;
  places.add(file, [], parsed.scan);
  return parsed.value;
}

/** The schema library loads only when there is something to compare. */
async function shape(value: unknown, issues: Issues): Promise<ConfigInput> {
  if (isPlainObject(value) && Object.keys(value).length === 0) return {};
  const { ConfigSchema } = await import('./schema.ts');
  return validateShape(ConfigSchema, value, issues);
}

/** The file with its includes, compared with the schema; a missing file is an empty one. */
async function readInput(
  options: LoadOptions,
  files: ConfigFiles,
): Promise<{ input: ConfigInput; issues: Issues }> {
  const { paths } = options;
  const places = new Places();
  const issues = new Issues(places.locate);
  try {
    const bytes = files.read(paths.config, MAX_CONFIG_BYTES);
    if (bytes === undefined) return { input: {}, issues };
    const value = parseInto(bytes, paths.config, issues, places);
    if (value === undefined) return { input: {}, issues };
    const onRead = places.add.bind(places);
    const whole = resolveIncludes(value, paths.config, { home: paths.home, files, issues, onRead });
    return { input: await shape(whole, issues), issues };
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError)) throw thrown;
    issues.error([], thrown.code as ConfigCode, { message: thrown.message, file: paths.config });
    return { input: {}, issues };
  }
}

/**
 * Everything a process runs on, from the home as it is now. A missing file means the embedded defaults.
 *
 * @throws CONFIG_INVALID with every problem in `details.issues`; nothing else.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const files = options.files ?? nodeFiles;
  const { input, issues } = await readInput(options, files);
  issues.throwIfAny();
  const playbooks = await loadPlaybooks(options.paths, files, issues);
  const policy = await loadEgressPolicy(options.paths, files);
  issues.errors.push(...policy.issues.errors);
  issues.throwIfAny();
  const { home, workspaces } = options.paths;
  const places = { home, workspaces, userHome: options.userHome ?? homedir(), files };
  const facts = environmentFacts(options.env);
  const now = options.now ?? Date.now();
  return { effective: await assemble({ input, playbooks, policy, facts, issues, places, now }), input };
}

/** As `loadConfig`, for who needs only the result. */
export async function loadEffectiveConfig(options: LoadOptions): Promise<EffectiveConfig> {
  return (await loadConfig(options)).effective;
}

function portOf(facts: EnvironmentFacts, issues: Issues): number | undefined {
  if (facts.port === undefined) return undefined;
  if (/^(0|[1-9][0-9]{0,4})$/.test(facts.port) && Number(facts.port) <= 65_535) return Number(facts.port);
  issues.error(['gateway', 'port'], 'CONFIG_OUT_OF_RANGE', {
    message: 'GATEHOUSE_PORT is not a port number',
    fix: 'Set GATEHOUSE_PORT to a number from 0 to 65535, or unset it.',
  });
  return undefined;
}

function usesEgress(
  input: ConfigInput,
  policy: LoadedEgressPolicy,
  playbooks: Assembly['playbooks'],
): boolean {
  const listed = (input.networkPolicy?.egress_allowlist ?? []).length + (policy.file?.rules ?? []).length > 0;
  return listed || [...playbooks.values()].some(({ playbook }) => playbook.egress !== undefined);
}

interface Assembly {
  readonly input: ConfigInput;
  readonly playbooks: ReadonlyMap<string, LoadedPlaybook>;
  readonly policy: LoadedEgressPolicy;
  readonly facts: EnvironmentFacts;
  readonly issues: Issues;
  readonly places: HostPlaces;
  readonly now: number;
}

/** Everything that is the same for all agents. */
async function installContext(assembly: Assembly, named: ReadonlySet<string>, used: Assembly['playbooks']) {
  const { input, playbooks, policy, facts, issues, places, now } = assembly;
  const egress = usesEgress(input, policy, used) ? await loadEgressRules() : undefined;
  const destinations =
    egress === undefined ? [] : installDestinations(input.networkPolicy, policy, egress, issues);
  const layers = new Set(['ceiling', ...[...named].map((name) => `playbook:${name}`)]);
  const grants = readGrants(input.grants, layers, issues, now);
  checkSenders(input, grants, issues);
  await checkBinds(input, issues);
  const offered = await readProviders(input, facts, issues);
  const tools = installTools(input.tools, issues);
  const secrets = await readRunSecrets(input, issues);
  const ceiling = compileCeiling({
    input,
    tools,
    destinations,
    hasEgressPolicy: policy.file !== undefined,
    egress,
    grants,
    secrets,
  });
  const channels = await readChannels(input, issues);
  const exports = await readExports(input, places.home, issues);
  const anchors = await readAnchors(input, issues);
  const alerts = await readAlerts(input, channels.accounts, issues);
  const tracing = await readTracing(input, issues);
  const { providers } = offered;
  const wantedModel = facts.model;
  const bounds = { ceiling, grants, destinations, egress, secrets };
  const context: AgentContext = { ...bounds, input, playbooks, providers, wantedModel, places, issues };
  return { context, offered, channels, anchors, exports, alerts, tracing };
}

async function assemble(assembly: Assembly): Promise<EffectiveConfig> {
  const { input, playbooks, policy, facts, issues, now } = assembly;
  const config = withDefaults(input, portOf(facts, issues));
  const agents = namedAgents(input, issues);
  const named = new Set(agents.map((agent) => agent.settings.playbook ?? 'default'));
  const used = new Map([...playbooks].filter(([name, { own }]) => own || named.has(name)));
  const grantPolicy = readGrantPolicy(input.grantPolicy, issues);
  const { context, offered, channels, anchors, exports, alerts, tracing } = await installContext(
    assembly,
    named,
    used,
  );
  const policies = new Map<string, AgentPolicy>();
  const egressRules = new Map<string, readonly EgressRuleSpec[]>();
  const egressBounds = new Map<string, readonly EgressRuleSpec[]>();
  for (const agent of agents) {
    const compiled = compileAgent(agent, context);
    if (compiled === undefined) continue;
    policies.set(agent.id, Object.freeze(compiled.policy));
    egressRules.set(agent.id, compiled.destinations);
    egressBounds.set(agent.id, requestBounds(agent.id, input.networkPolicy, context.destinations));
  }
  checkPolicyAgents(
    policy,
    agents.map(({ id }) => id),
  );
  issues.errors.push(...policy.issues.errors);
  checkWorkspaces([...policies.values()], issues);
  for (const [name, playbook] of used) {
    if (!named.has(name)) tryPlaybook(playbook, context);
    adoptIssues(playbook, issues, now);
  }
  const defaultAgent = defaultAgentOf(agents, issues);
  const bindings = readBindings(
    input,
    agents.map((agent) => agent.id),
    issues,
  );
  issues.throwIfAny();
  const { providers } = offered;
  const secrets = [
    ...offered.secrets,
    ...channels.secrets,
    ...exports.secrets,
    ...anchors.secrets,
    ...alerts.secrets,
    ...tracing.secrets,
  ];
  const rules = [...offered.rules, ...channels.rules, ...anchors.rules, ...alerts.rules, ...tracing.rules];
  const texts = Object.fromEntries([...used].map(([name, { playbook }]) => [name, playbook]));
  const models = [...policies.values()].map((policy) => policy.models);
  return Object.freeze({
    config: freezeDeep(config),
    hash: hashOf({
      config,
      playbooks: texts,
      providers,
      secrets,
      models,
      runSecrets: context.secrets,
      ...(policy.file && { egress: policy.file }),
    }),
    snapshot: 0,
    warnings: freezeDeep([...issues.warnings]),
    defaultAgent,
    agents: policies,
    playbooks: freezeDeep(
      [...used.values()]
        .filter(({ playbook }) => named.has(playbook.playbook))
        .map(({ playbook: { playbook: name, version, owner, review } }) => ({
          name,
          version,
          owner,
          review,
        })),
    ),
    bindings: freezeDeep(bindings),
    channels: freezeDeep({ accounts: channels.accounts }),
    alertDestinations: freezeDeep(alerts.destinations),
    mailDestinations: freezeDeep(alerts.mail),
    tracing: freezeDeep(tracing.settings),
    providers: freezeDeep(providers),
    secrets: freezeDeep(secrets),
    runSecrets: freezeDeep(context.secrets),
    ceiling: context.ceiling,
    egressRules,
    writtenEgress: freezeDeep(
      writtenRules(
        context.destinations,
        [...policies.values()].map(({ agent, playbook }) => ({
          agent,
          playbook,
          shipped: playbooks.get(playbook)?.own === false,
          destinations: egressRules.get(agent) ?? [],
        })),
      ),
    ),
    egressLimits: egressLimitsOf(policy.file?.limits),
    egressBounds,
    grantPolicy,
    providerRules: freezeDeep(rules),
    anchors: freezeDeep(anchors.targets),
    exports: freezeDeep(exports.destinations),
    telemetryRules: freezeDeep(exports.rules),
  });
}

/** What was found while a playbook was compiled; a playbook of several agents is compiled for each. */
function adoptIssues(loaded: LoadedPlaybook, issues: Issues, now: number): void {
  checkReview(loaded, loaded.issues, now);
  const once = (list: readonly ConfigIssue[]) => [
    ...new Map(list.map((issue) => [`${issue.path} ${issue.code} ${issue.message}`, issue])).values(),
  ];
  issues.errors.push(...once(loaded.issues.errors));
  issues.warnings.push(...once(loaded.issues.warnings));
}

/** Where an agent's runs may connect; what `networkPolicy.egress_allowlist` compiles to is in it. */
export function egressRulesOf(effective: EffectiveConfig, agent: string): readonly EgressRuleSpec[] {
  return effective.egressRules.get(agent) ?? [];
}
