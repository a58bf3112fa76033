import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { Issues } from '../issues.ts';
import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import type { ChannelAccount, SecretReference } from '../types.ts';
import { isThisMachine } from './base-url.ts';
import { readReference } from './secrets.ts';

export interface Channels {
  readonly accounts: readonly ChannelAccount[];
  readonly secrets: readonly SecretReference[];
  /** One rule `channel:<platform>:<account>` per account, for the gateway's own calls only. */
  readonly rules: readonly EgressRuleSpec[];
}

type Written = Parameters<typeof readReference>[0];

interface Account {
  readonly name: string;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly at: (key: string) => readonly Segment[];
}

const TELEGRAM_API = 'https://api.telegram.org';
/** A secret that only verifies or signs is sent nowhere. */
export const NOWHERE = { host: '', port: 0 };

/** The accounts of a channel with the keys that count: each one's own over the channel's. */
function accountsOf(channel: string, section: unknown): readonly Account[] {
  if (!isPlainObject(section)) return [];
  const { accounts, ...shared } = section;
  const named = isPlainObject(accounts) ? Object.entries(accounts) : [];
  const own: readonly [string, unknown][] = named.length === 0 ? [['default', undefined]] : named;
  return own
    .map(([name, value]) => {
      const keys = isPlainObject(value) ? value : {};
      const at = (key: string): readonly Segment[] =>
        Object.hasOwn(keys, key) ? ['channels', channel, 'accounts', name, key] : ['channels', channel, key];
      return { name, keys: { ...shared, ...keys }, at };
    })
    .filter(({ keys }) => keys['enabled'] !== false);
}

/** Where an account connects to, judged from the raw text like every other destination (attack 6). */
export async function placeOf(url: string, at: readonly Segment[], issues: Issues) {
  const { judgeUrl } = await import('../../controls/egress/index.ts');
  const judged = judgeUrl(url);
  const refuse = (message: string): undefined => {
    issues.error(at, 'CONFIG_PROVIDER_URL', { message });
    return undefined;
  };
  if (!judged.ok) return refuse(judged.message);
  const { scheme, target, path } = judged.url;
  if (scheme === 'http' && !isThisMachine(target.host))
    return refuse('the secret would travel in the clear: use https');
  return { host: target.host, port: target.port, plain: scheme === 'http', path };
}

function ruleOf(
  channel: string,
  { name, keys }: Account,
  place: { readonly host: string; readonly port: number; readonly plain: boolean },
): EgressRuleSpec {
  const networks = keys['networks'] as readonly string[] | undefined;
  return {
    id: `channel:${channel}:${name}`,
    host: place.host,
    port: place.port,
    class: 'channel',
    ...(place.plain ? { protocol: 'http' as const } : {}),
    ...(networks === undefined || networks.length === 0 ? {} : { networks }),
  };
}

/** Every account that is to be started, what it needs of egress, and what is wrong with it. */
export async function readChannels(input: ConfigInput, issues: Issues): Promise<Channels> {
  const found: Channels[] = [];
  for (const account of accountsOf('telegram', input.channels?.telegram)) {
    found.push(await telegram(account, input, issues));
  }
  for (const account of accountsOf('webhook', input.channels?.webhook)) {
    found.push(await webhook(account, input, issues));
  }
  return {
    accounts: found.flatMap(({ accounts }) => accounts),
    secrets: found.flatMap(({ secrets }) => secrets),
    rules: found.flatMap(({ rules }) => rules),
  };
}

const NONE: Channels = { accounts: [], secrets: [], rules: [] };

async function telegram(account: Account, input: ConfigInput, issues: Issues): Promise<Channels> {
  const { keys, name, at } = account;
  const apiRoot = String(keys['apiRoot'] ?? TELEGRAM_API).replace(/\/+$/, '');
  const place = await placeOf(apiRoot, account.at('apiRoot'), issues);
  if (place === undefined) return NONE;
  if (keys['botToken'] === undefined) {
    issues.warn(at('botToken'), 'CONFIG_CHANNEL_INCOMPLETE', {
      message: `telegram/${name} has no botToken and is not started`,
    });
    return NONE;
  }
  const bound = { host: place.host, port: place.port };
  const token = readReference(
    keys['botToken'] as Written,
    at('botToken'),
    input,
    { ...bound, header: 'target:/bot{}' },
    issues,
  );
  const url = keys['webhookUrl'];
  const secret =
    keys['webhookSecret'] === undefined
      ? undefined
      : readReference(
          keys['webhookSecret'] as Written,
          at('webhookSecret'),
          input,
          { ...bound, header: 'target:secret_token={}' },
          issues,
        );
  if (token === undefined) return NONE;
  const secrets: SecretReference[] = [token];
  const webhook: { url: string; path: string; secret: string; verify: string }[] = [];
  if (typeof url === 'string') {
    if (secret === undefined) {
      issues.error(at('webhookSecret'), 'CONFIG_CHANNEL_INCOMPLETE', {
        message: 'webhookUrl needs webhookSecret: without it anybody could deliver messages',
      });
      return NONE;
    }
    // The same value twice: once to be sent to Telegram, once to be compared with what is delivered.
    const verify = { ...secret, ...NOWHERE, name: `${secret.name}.verify`, header: 'verify:equal' };
    secrets.push(secret, verify);
    const path = typeof keys['webhookPath'] === 'string' ? keys['webhookPath'] : new URL(url).pathname;
    webhook.push({ url, path, secret: secret.name, verify: verify.name });
  }
  const [hook] = webhook;
  const own: ChannelAccount = {
    channel: 'telegram',
    account: name,
    apiRoot,
    secret: token.name,
    ...(hook === undefined ? {} : { webhook: hook }),
  };
  return { accounts: [own], secrets, rules: [ruleOf('telegram', account, place)] };
}

async function webhook(account: Account, input: ConfigInput, issues: Issues): Promise<Channels> {
  const { keys, name, at } = account;
  if (keys['secret'] === undefined) {
    issues.error(at('secret'), 'CONFIG_CHANNEL_INCOMPLETE', {
      message: `webhook/${name} has no secret: without it anybody could deliver messages`,
    });
    return NONE;
  }
  const bound = { ...NOWHERE, header: 'verify:hmac-sha256' };
  const secret = readReference(keys['secret'] as Written, at('secret'), input, bound, issues);
  if (secret === undefined) return NONE;
  // One source may not be two accounts: names tell sources apart, so each has its own.
  const unique = { ...secret, name: `channels.webhook.accounts.${name}.secret` };
  const callbackUrl = keys['callbackUrl'];
  const own: ChannelAccount = { channel: 'webhook', account: name, secret: unique.name };
  if (typeof callbackUrl !== 'string') return { accounts: [own], secrets: [unique], rules: [] };
  const place = await placeOf(callbackUrl, account.at('callbackUrl'), issues);
  if (place === undefined) return NONE;
  return {
    accounts: [{ ...own, callbackUrl }],
    secrets: [unique],
    rules: [ruleOf('webhook', account, place)],
  };
}
