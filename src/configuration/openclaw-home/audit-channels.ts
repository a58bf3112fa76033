import { chatId, senderId } from '../../controls/senders/index.ts';
import type { Finding } from '../../kernel/index.ts';
import { isPlainObject } from '../objects.ts';
import { isPlainSecret, Look, texts } from './look.ts';
import { found } from './report.ts';

/** An account of a channel with the keys that hold for it: its own over the channel's. */
export interface ChannelPlace {
  readonly channel: string;
  /** Dotted path of the place. */
  readonly path: string;
  readonly keys: Look;
}

/** Platforms whose ids are known well enough to tell an id from a name. */
const KNOWN_IDS = new Set(['telegram', 'discord', 'slack']);
const CREDENTIALS = /(?:token|secret|password|apikey|privatekey)$/i;
const NOT_CHANNELS = new Set(['defaults', 'modelByChannel']);

/** Every enabled account of every channel. */
export function channelPlaces(look: Look): readonly ChannelPlace[] {
  return Object.entries(look.object('channels')).flatMap(([channel, section]) => {
    if (!isPlainObject(section) || NOT_CHANNELS.has(channel) || section['enabled'] === false) return [];
    const { accounts, ...shared } = section;
    const named = isPlainObject(accounts) ? Object.entries(accounts) : [];
    const own = named.filter(([, keys]) => isPlainObject(keys) && keys['enabled'] !== false);
    const path = `channels.${channel}`;
    if (named.length === 0) return [{ channel, path, keys: new Look(shared) }];
    return own.map(([name, keys]) => ({
      channel,
      path: `${path}.accounts.${name}`,
      keys: new Look({ ...shared, ...(keys as object) }),
    }));
  });
}

/** What decides about direct messages at a place. */
export function dmPolicyOf({ keys }: ChannelPlace): string {
  return keys.word('dmPolicy', keys.word('dm.policy', 'pairing'));
}

export function isOpenGroup({ keys }: ChannelPlace): boolean {
  return keys.word('groupPolicy', 'allowlist') === 'open' || keys.list('groupAllowFrom').includes('*');
}

/** Whether anybody at all can write to an agent through this place. */
export function isOpenPlace(place: ChannelPlace): boolean {
  return dmPolicyOf(place) === 'open' || place.keys.list('allowFrom').includes('*') || isOpenGroup(place);
}

function isStable(channel: string, id: string): boolean {
  if (id === '*' || id.startsWith('accessGroup:')) return true;
  if (!KNOWN_IDS.has(channel)) return true;
  const bare = id.replace(new RegExp(`^(?:${channel}|tg|user|id):`, 'i'), '');
  return (
    senderId(channel, id) !== undefined ||
    /^\d{5,20}$/.test(bare) ||
    (channel === 'slack' && /^[UWBT][A-Z0-9]{6,}$/.test(bare))
  );
}

function directFindings(place: ChannelPlace): readonly Finding[] {
  const { channel, path, keys } = place;
  const findings: Finding[] = [];
  const policy = dmPolicyOf(place);
  const allowed = keys.list('allowFrom');
  if (policy === 'open') {
    findings.push(
      found(`channels.${channel}.dm.open`, 'critical', `${path}: anybody can write to the agent`, {
        expected: 'pairing or allowlist',
        found: 'dmPolicy open',
        fix: `Set ${path}.dmPolicy to pairing.`,
      }),
    );
    if (!allowed.includes('*'))
      findings.push(
        found(
          `channels.${channel}.dm.open_invalid`,
          'warning',
          `${path}: open without * in allowFrom contradicts itself`,
          {
            expected: 'one or the other',
            found: 'dmPolicy open, allowFrom without *',
            fix: `Set ${path}.dmPolicy to allowlist.`,
          },
        ),
      );
  }
  const names = allowed.filter((id) => !isStable(channel, id));
  const matching = keys.is('dangerouslyAllowNameMatching', true);
  if (matching)
    findings.push(
      found(
        `channels.${channel}.allowFrom.dangerous_name_matching_enabled`,
        'high',
        `${path}: names that people give themselves authorise`,
        {
          expected: 'stable ids only',
          found: 'dangerouslyAllowNameMatching',
          fix: 'List stable ids and take it away.',
        },
      ),
    );
  if (!matching && names.length > 0)
    findings.push(
      found(
        `channels.${channel}.allowFrom.mutable_entries_inert`,
        'warning',
        `${path}: ${names.length} of ${allowed.length} entries are names and let nobody in`,
        {
          expected: 'stable ids',
          found: 'names',
          fix: `Replace them in ${path}.allowFrom by ids.`,
        },
      ),
    );
  return findings;
}

function groupFindings(place: ChannelPlace): readonly Finding[] {
  const { channel, path, keys } = place;
  const findings: Finding[] = [];
  if (isOpenGroup(place))
    findings.push(
      found('gatehouse.openclaw-groups-open', 'critical', `${path}: every member of every group counts`, {
        expected: 'groupPolicy allowlist with groupAllowFrom',
        found: keys.word('groupPolicy', 'groupAllowFrom with *'),
        fix: `Set ${path}.groupPolicy to allowlist and list the members.`,
      }),
    );
  for (const [name, group] of Object.entries(keys.object('groups'))) {
    const own = new Look(group);
    if (own.is('requireMention', false))
      findings.push(
        found(
          'gatehouse.openclaw-no-mention',
          'warning',
          `${path}.groups[${JSON.stringify(name)}]: everything that is said there reaches the model`,
          {
            expected: 'requireMention',
            found: 'requireMention false',
            fix: 'Take requireMention: false away.',
          },
        ),
      );
    if (name !== '*' && channel === 'telegram' && chatId(channel, name) === undefined)
      findings.push(
        found(
          'gatehouse.openclaw-group-name',
          'warning',
          `${path}.groups: ${JSON.stringify(name)} is a name that others can take`,
          {
            expected: 'the stable id of the group',
            found: 'a name',
            fix: 'Write the id of the group.',
          },
        ),
      );
  }
  if (channel === 'discord') {
    const broad = Object.entries(keys.object('guilds')).filter(([, guild]) => {
      const own = new Look(guild);
      return own.list('users').length === 0 && own.list('roles').length === 0;
    });
    if (broad.length > 0)
      findings.push(
        found(
          'channels.discord.allowlisted_groups.broad_members',
          'warning',
          `${path}: every member of ${broad.length} servers counts`,
          {
            expected: 'users or roles per server',
            found: 'none',
            fix: `List users or roles in ${path}.guilds.`,
          },
        ),
      );
  }
  return findings;
}

function secretFindings({ path, keys }: ChannelPlace): readonly Finding[] {
  const plain = keys.keys('').length === 0 ? Object.entries(isPlainObject(keys.root) ? keys.root : {}) : [];
  return plain
    .filter(([name, value]) => CREDENTIALS.test(name) && isPlainSecret(value))
    .map(([name]) =>
      found(
        'gatehouse.openclaw-channel-secret',
        'warning',
        `${path}.${name} stands in the file in the clear`,
        {
          expected: 'a reference to where it is kept',
          found: 'the value itself',
          fix: `Write ${path}.${name}: "\${NAME}" and export it for egress only.`,
        },
      ),
    );
}

/** Who may write to an agent (OpenClaw's `channels.*`). */
export function auditChannels(look: Look): readonly Finding[] {
  const places = channelPlaces(look);
  const shared = places.filter((place) => dmPolicyOf(place) !== 'disabled');
  const peers = new Set(shared.flatMap((place) => place.keys.list('allowFrom')).filter((id) => id !== '*'));
  const isMulti = peers.size > 1 || places.some(isOpenPlace);
  const everywhere =
    look.word('dmPolicy.mode', '') === 'open' || texts(look.at('dmPolicy.allowIds')).includes('*');
  return [
    ...places.flatMap((place) => [
      ...directFindings(place),
      ...groupFindings(place),
      ...secretFindings(place),
    ]),
    ...(everywhere
      ? [
          found('gatehouse.openclaw-dm-open', 'critical', 'dmPolicy lets everybody write on every channel', {
            expected: 'pairing or allowlist',
            found: 'open',
            fix: 'Set dmPolicy.mode to pairing.',
          }),
        ]
      : []),
    ...(isMulti && look.word('session.dmScope', 'main') === 'main'
      ? [...new Set(shared.map(({ channel }) => channel))].map((channel) =>
          found(
            `channels.${channel}.dm.scope_main_multiuser`,
            'warning',
            `${channel}: several people share one conversation`,
            {
              expected: 'per-channel-peer',
              found: `session.dmScope ${look.word('session.dmScope', 'main')}`,
              fix: 'Set session.dmScope to per-channel-peer.',
            },
          ),
        )
      : []),
  ];
}
