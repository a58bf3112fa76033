import type { Grant } from '../../kernel/index.ts';
import { chatId, senderId } from './ids.ts';
import type { DmPolicy, GroupPolicy } from './types.ts';

/** The keys of `SenderKeys`, as a channel or one of its accounts writes them. */
export interface WrittenSenders {
  readonly dmPolicy?: DmPolicy;
  readonly allowFrom?: readonly string[];
  readonly groupPolicy?: GroupPolicy;
  readonly groupAllowFrom?: readonly string[];
  readonly requireMention?: boolean;
  readonly groups?: Readonly<
    Record<
      string,
      {
        readonly enabled?: boolean;
        readonly requireMention?: boolean;
        readonly allowFrom?: readonly string[];
      }
    >
  >;
}

export interface WrittenChannel extends WrittenSenders {
  readonly accounts?: Readonly<Record<string, WrittenSenders>>;
}

/** The parts of the configuration that say who may write. */
export interface WrittenPolicies {
  readonly dmPolicy?: { readonly mode?: DmPolicy; readonly allowIds?: readonly string[] };
  readonly channels?: Readonly<Record<string, unknown>>;
}

export interface GroupRule {
  readonly requireMention: boolean;
  readonly members: ReadonlySet<string>;
}

/** Who may write to one account of one channel. */
export interface SenderPolicy {
  readonly channel: string;
  readonly account: string;
  readonly dmPolicy: DmPolicy;
  readonly allowFrom: ReadonlySet<string>;
  readonly groupPolicy: GroupPolicy;
  /** Groups by stable id; `*` is every group. What is not here is refused. */
  readonly groups: ReadonlyMap<string, GroupRule>;
  /** Grants that open the channel to everybody while they last (S6). */
  readonly grants: readonly Grant[];
}

/** The one that stands further left lets fewer people in. */
const DM_ORDER: readonly DmPolicy[] = ['disabled', 'allowlist', 'pairing', 'open'];
const DEFAULT_ACCOUNT = 'default';

function stricterOf(own: DmPolicy | undefined, global: DmPolicy | undefined): DmPolicy {
  const asked = [own, global].filter((policy) => policy !== undefined);
  const [first] = asked.sort((a, b) => DM_ORDER.indexOf(a) - DM_ORDER.indexOf(b));
  return first ?? 'pairing';
}

function idsOf(
  channel: string,
  lists: readonly (readonly string[] | undefined)[],
  read: (channel: string, text: string) => string | undefined,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const text of lists.flatMap((list) => list ?? [])) {
    // `*` needs a grant, which is looked at where it is decided; as a list entry it names nobody.
    const id = read(channel, text);
    if (id !== undefined) found.add(id);
  }
  return found;
}

function groupsOf(channel: string, keys: WrittenSenders): ReadonlyMap<string, GroupRule> {
  const groups = new Map<string, GroupRule>();
  const shared = keys.groupAllowFrom ?? keys.allowFrom;
  for (const [name, group] of Object.entries(keys.groups ?? {})) {
    if (group.enabled === false) continue;
    const id = name === '*' ? '*' : chatId(channel, name);
    if (id === undefined) continue;
    groups.set(id, {
      requireMention: group.requireMention ?? keys.requireMention ?? true,
      members: idsOf(channel, [group.allowFrom ?? shared], senderId),
    });
  }
  return groups;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Who may write to an account: its own keys over the channel's, over `channels.defaults`. For direct messages the
 * stricter of that and the global `dmPolicy.mode` counts; `dmPolicy.allowIds` is a list for every channel.
 *
 * @returns undefined when the configuration has no such channel or account: then nobody may
 */
export function policyOf(
  written: WrittenPolicies,
  channel: string,
  account: string,
  grants: readonly Grant[],
): SenderPolicy | undefined {
  const section = Object.hasOwn(written.channels ?? {}, channel) ? written.channels?.[channel] : undefined;
  if (channel === 'defaults' || !isObject(section)) return undefined;
  const whole = section as WrittenChannel;
  const named = whole.accounts ?? {};
  const own = Object.hasOwn(named, account) ? named[account] : undefined;
  if (own === undefined && account !== DEFAULT_ACCOUNT) return undefined;
  const defaults = (written.channels?.['defaults'] ?? {}) as WrittenSenders;
  const keys: WrittenSenders = { ...defaults, ...whole, ...own };
  return {
    channel,
    account,
    dmPolicy: stricterOf(keys.dmPolicy, written.dmPolicy?.mode),
    allowFrom: idsOf(channel, [keys.allowFrom, written.dmPolicy?.allowIds], senderId),
    groupPolicy: keys.groupPolicy ?? 'allowlist',
    groups: groupsOf(channel, keys),
    grants: grants.filter((grant) => grant.kind === 'message.receive'),
  };
}

/** Every account that the configuration names, as channel and account. */
export function accountsOf(
  written: WrittenPolicies,
): readonly (readonly [channel: string, account: string])[] {
  return Object.entries(written.channels ?? {}).flatMap(([channel, section]) => {
    if (channel === 'defaults' || !isObject(section)) return [];
    const accounts = Object.keys((section as WrittenChannel).accounts ?? {});
    return (accounts.length === 0 ? [DEFAULT_ACCOUNT] : accounts).map(
      (account) => [channel, account] as const,
    );
  });
}
