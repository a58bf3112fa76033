import { classesOfModel } from '../../agents/model-classes.ts';
import { decide } from '../../kernel/index.ts';
import type { Services } from '../services.ts';

export const INVENTORY_KINDS = ['listener', 'principal', 'model', 'skill', 'tool'] as const;
export type InventoryKind = (typeof INVENTORY_KINDS)[number];

/** One thing that somebody must be answerable for. Empty text and null mean that there is nothing to say. */
export interface InventoryItem {
  readonly kind: InventoryKind;
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  /** `active`, `expired`, `revoked`, `undeclared` and the like. */
  readonly state: string;
  /** Where it comes from, with a version where there is one. */
  readonly source: string;
  /** What it may touch, in words. */
  readonly touches: string;
  /** Unix milliseconds. */
  readonly expires: number | null;
  readonly lastUsed: number | null;
}

const list = (words: readonly string[], none: string): string =>
  words.length === 0 ? none : words.join(' ');

function item(fields: Pick<InventoryItem, 'kind' | 'id' | 'name'> & Partial<InventoryItem>): InventoryItem {
  return { owner: '', state: 'active', source: '', touches: '', expires: null, lastUsed: null, ...fields };
}

async function listeners({ runtime, grants }: Services): Promise<readonly InventoryItem[]> {
  const open = (await grants.list()).filter(
    ({ kind, status }) => kind === 'listen.open' && status === 'active',
  );
  return (await runtime.listeners()).map((one) => {
    const grant = open.find(({ match }) => match['address']?.includes(one.address));
    return item({
      kind: 'listener',
      id: one.port === null ? one.address : `${one.address}:${one.port}`,
      name: one.plane,
      owner: grant?.owner ?? '',
      state: one.declared ? 'declared' : 'undeclared',
      source: `${one.process} ${one.pid}`,
      touches: one.family === 'unix' ? 'the account of Gatehouse' : one.plane,
      expires: grant?.expiresAt ?? null,
    });
  });
}

function stateOf(
  now: number,
  { gone, expires }: { readonly gone: number | null; readonly expires: number | null },
  word: string,
): string {
  if (gone !== null) return word;
  return expires !== null && expires <= now ? 'expired' : 'active';
}

async function principals({ auth, senders, clock }: Services): Promise<readonly InventoryItem[]> {
  const now = clock.now();
  const rights = (one: {
    readonly scopes: readonly string[];
    readonly agents: readonly string[];
    readonly addresses: readonly string[];
  }) =>
    `scopes ${list(one.scopes, 'none')}; agents ${list(one.agents, 'none')}; from ${list(one.addresses, 'anywhere that reaches the listener')}`;
  const tokens = (await auth.listTokens()).map((one) =>
    item({
      kind: 'principal',
      id: one.principal,
      name: `token ${one.name} v${one.version}`,
      owner: one.owner,
      state: stateOf(now, { gone: one.revokedAt, expires: one.expiresAt }, 'revoked'),
      source: one.ticket,
      touches: rights(one),
      expires: one.expiresAt,
      lastUsed: one.lastUsedAt,
    }),
  );
  const named = (await auth.listPrincipals()).map((one) =>
    item({
      kind: 'principal',
      id: one.id,
      name: `${one.kind} ${one.name}`,
      owner: one.owner,
      state: stateOf(now, { gone: one.disabledAt, expires: one.expiresAt }, 'disabled'),
      source: one.ticket,
      touches: rights(one),
      expires: one.expiresAt,
    }),
  );
  const devices = (await auth.listDevices()).paired.map((one) =>
    item({
      kind: 'principal',
      id: `device:${one.deviceId}`,
      name: `device ${one.displayName}`,
      owner: one.principal,
      source: one.platform,
      touches: `scopes ${list(one.scopes, 'none')}`,
    }),
  );
  const people = (await senders.list()).map((one) =>
    item({
      kind: 'principal',
      id: `sender:${one.channel}:${one.account}:${one.sender}`,
      name: `sender ${one.displayName}`,
      owner: one.by,
      state: one.status,
      source: one.source,
      touches: `the agent that ${one.channel}/${one.account} talks to`,
    }),
  );
  return [...named, ...tokens, ...devices, ...people];
}

async function models({ providers, config, activity }: Services): Promise<readonly InventoryItem[]> {
  const { agents, playbooks, providers: configured } = config.current();
  const used = await activity.lastSeen('model', 'model.called');
  return providers.flatMap((provider) =>
    provider.models().map((model) => {
      const id = `${provider.id}/${model.id}`;
      const users = [...agents.values()].filter((agent) => agent.models.includes(id));
      const owners = users.map(
        ({ playbook }) => playbooks.find(({ name }) => name === playbook)?.owner ?? '',
      );
      const weak = classesOfModel(id);
      return item({
        kind: 'model',
        id,
        name: model.name,
        owner: [...new Set(owners)].filter((owner) => owner !== '').join(' '),
        state: users.length === 0 ? 'unused' : weak.length > 0 ? `weak: ${weak.join(' ')}` : 'active',
        source: configured.find((one) => one.id === provider.id)?.baseUrl ?? 'built in',
        touches: `agents ${list(
          users.map(({ agent }) => agent),
          'none',
        )}`,
        lastUsed: used.get(id) ?? null,
      });
    }),
  );
}

async function tools({
  turns,
  config,
  activity,
  runtime,
  clock,
}: Services): Promise<readonly InventoryItem[]> {
  const { agents, playbooks } = config.current();
  const used = await activity.lastSeen('tool', 'tool.finished');
  const names = [
    ...new Set([...agents.keys()].flatMap((agent) => turns.tools(agent).map(({ name }) => name))),
  ];
  return names.sort().map((name) => {
    const effects = [...agents.values()].flatMap(({ agent, authority, playbook }) => {
      const action = { kind: 'tool.call', tool: name } as const;
      const { effect } = decide(authority, { principal: 'inventory', agent }, action, clock.now());
      return effect === 'deny' ? [] : [{ agent, effect, playbook }];
    });
    const owners = effects.map(({ playbook }) => playbooks.find((one) => one.name === playbook)?.owner ?? '');
    return item({
      kind: 'tool',
      id: name,
      name,
      owner: [...new Set(owners)].filter((owner) => owner !== '').join(' '),
      state: effects.length === 0 ? 'denied' : 'active',
      source: `built in, ${runtime.version}`,
      touches: `agents ${list(
        effects.map(({ agent, effect }) => (effect === 'ask' ? `${agent} (asks)` : agent)),
        'none',
      )}; inside the sandbox, by the rules of their playbooks`,
      lastUsed: used.get(name) ?? null,
    });
  });
}

const SOURCES: Readonly<Record<InventoryKind, (services: Services) => Promise<readonly InventoryItem[]>>> = {
  listener: listeners,
  principal: principals,
  model: models,
  // This version loads no skills and no other code of third parties, so there is none to list.
  skill: async () => [],
  tool: tools,
};

/** What there is of these kinds, as it is now. */
export async function inventoryItems(
  services: Services,
  kinds: readonly InventoryKind[],
): Promise<readonly InventoryItem[]> {
  const found: InventoryItem[] = [];
  for (const kind of kinds) found.push(...(await SOURCES[kind](services)));
  return found;
}
