import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';

type Agents = NonNullable<ConfigInput['agents']>;
export type AgentSettings = NonNullable<Agents['defaults']>;
type AgentEntry = NonNullable<Agents['entries']>[string];

/** An agent with the settings that count: its own over the defaults. */
export interface NamedAgent {
  readonly id: string;
  readonly entry: AgentEntry;
  readonly settings: AgentSettings;
  readonly at: readonly Segment[];
}

/** Every agent, from `entries`, `list` or neither; then there is one, `main`. */
export function namedAgents(input: ConfigInput, issues: Issues): readonly NamedAgent[] {
  const { defaults = {}, entries = {}, list = [] } = input.agents ?? {};
  const agents: NamedAgent[] = [];
  const add = (id: string, entry: AgentEntry, at: readonly Segment[]): void => {
    if (agents.some((agent) => agent.id === id)) {
      issues.error(at, 'CONFIG_AGENT_INVALID', { message: `the agent ${id} stands twice` });
      return;
    }
    // Key by key: an agent that only says how much of its workspace it may use keeps the backend of the defaults.
    const sandbox = { ...defaults.sandbox, ...entry.sandbox };
    agents.push({ id, entry, settings: { ...defaults, ...entry, sandbox }, at });
  };
  for (const [id, entry] of Object.entries(entries)) add(id, entry, ['agents', 'entries', id]);
  list.forEach(({ id, ...entry }, index) => {
    add(id, entry, ['agents', 'list', index]);
  });
  if (agents.length === 0) add('main', {}, ['agents']);
  return agents;
}

/** The agent for callers that name none: the one marked, else `main`, else the first. */
export function defaultAgentOf(agents: readonly NamedAgent[], issues: Issues): string {
  const marked = agents.filter((agent) => agent.entry.default === true);
  const [first, second] = marked;
  if (second !== undefined) {
    issues.error([...second.at, 'default'], 'CONFIG_AGENT_INVALID', {
      message: 'two agents are the default',
    });
  }
  const main = agents.find((agent) => agent.id === 'main');
  return (first ?? main ?? agents[0])?.id ?? 'main';
}

/** Where a setting of an agent stands: in its own entry, or in the defaults. */
export function settingPath(agent: NamedAgent, key: keyof AgentSettings): readonly Segment[] {
  return Object.hasOwn(agent.entry, key) ? [...agent.at, key] : ['agents', 'defaults', key];
}
