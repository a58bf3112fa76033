import type { EgressRuleSpec, MailDestination } from '../../controls/egress/types.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import type { AlertDestinationConfig, ChannelAccount, SecretReference } from '../types.ts';
import { NOWHERE, placeOf } from './channels.ts';
import { readReference } from './secrets.ts';

export interface AlertPlaces {
  readonly destinations: readonly AlertDestinationConfig[];
  readonly mail: readonly MailDestination[];
  readonly secrets: readonly SecretReference[];
  /** One rule `alert:<name>` of class telemetry for each, for the gateway's own calls only. */
  readonly rules: readonly EgressRuleSpec[];
}

type Written = NonNullable<NonNullable<ConfigInput['alerts']>['destinations']>[string];
type Of<Type extends Written['type']> = Extract<Written, { readonly type: Type }>;
type Common = Pick<AlertDestinationConfig, 'name' | 'severities' | 'drills'>;

const ALL = ['critical', 'high', 'warning'] as const;
const NONE: AlertPlaces = { destinations: [], mail: [], secrets: [], rules: [] };

function networksOf({ networks }: { readonly networks?: readonly string[] }) {
  return networks === undefined || networks.length === 0 ? {} : { networks };
}

/** Who is told of alerts, what that needs of egress, and what is wrong with it. */
export async function readAlerts(
  input: ConfigInput,
  accounts: readonly ChannelAccount[],
  issues: Issues,
): Promise<AlertPlaces> {
  const written = Object.entries(input.alerts?.destinations ?? {});
  const found: AlertPlaces[] = [];
  for (const [name, one] of written) {
    const { severities = ALL, drills = false } = one;
    const common = { name, severities, drills };
    if (one.type === 'webhook') found.push(await webhook(common, one, input, issues));
    else if (one.type === 'mail') found.push(await mail(common, one, input, issues));
    else found.push(chat(common, one, accounts, issues));
  }
  const names = written.map(([name]) => name);
  const { escalation, heartbeat } = input.alerts ?? {};
  checkNames(escalation?.to ?? [], ['alerts', 'escalation', 'to'], names, issues);
  checkNames(heartbeat?.to ?? [], ['alerts', 'heartbeat', 'to'], names, issues);
  return {
    destinations: found.flatMap(({ destinations }) => destinations),
    mail: found.flatMap(({ mail: own }) => own),
    secrets: found.flatMap(({ secrets }) => secrets),
    rules: found.flatMap(({ rules }) => rules),
  };
}

/** A name that leads nowhere would look as if somebody were told. */
function checkNames(
  wanted: readonly string[],
  at: readonly Segment[],
  known: readonly string[],
  issues: Issues,
): void {
  wanted.forEach((name, index) => {
    if (known.includes(name)) return;
    const nearest = nearestName(name, known);
    issues.error([...at, index], 'CONFIG_ALERTS_INVALID', {
      message: `alerts.destinations has no ${name}`,
      ...(nearest === undefined ? {} : { nearest }),
    });
  });
}

async function webhook(
  common: Common,
  written: Of<'webhook'>,
  input: ConfigInput,
  issues: Issues,
): Promise<AlertPlaces> {
  const at = (key: string): readonly Segment[] => ['alerts', 'destinations', common.name, key];
  const place = await placeOf(written.url, at('url'), issues);
  if (place === undefined) return NONE;
  const { host, port, plain, path } = place;
  if (written.secret === undefined && written.authorization === undefined) {
    issues.error(at('secret'), 'CONFIG_ALERTS_INVALID', {
      message: 'a webhook without secret or authorization could not be told from a forged one',
    });
    return NONE;
  }
  const secret = readReference(
    written.secret,
    at('secret'),
    input,
    { ...NOWHERE, header: 'verify:hmac-sha256' },
    issues,
  );
  const authorization = readReference(
    written.authorization,
    at('authorization'),
    input,
    { host, port, header: 'authorization: Bearer {}' },
    issues,
  );
  return {
    destinations: [
      {
        ...common,
        type: 'webhook',
        url: written.url,
        secret: secret?.name ?? null,
        authorization: authorization?.name ?? null,
      },
    ],
    mail: [],
    secrets: [secret, authorization].filter((one) => one !== undefined),
    rules: [
      {
        id: `alert:${common.name}`,
        host,
        port,
        class: 'telemetry',
        methods: ['POST'],
        paths: [path.split('?', 1)[0] ?? '/'],
        ...(plain ? { protocol: 'http' as const } : {}),
        ...networksOf(written),
      },
    ],
  };
}

function chat(
  common: Common,
  { channel, account = 'default', chat: id }: Of<'chat'>,
  accounts: readonly ChannelAccount[],
  issues: Issues,
): AlertPlaces {
  if (!accounts.some((one) => one.channel === channel && one.account === account)) {
    issues.error(['alerts', 'destinations', common.name, 'account'], 'CONFIG_ALERTS_INVALID', {
      message: `the channel ${channel} has no account ${account} that is started`,
    });
    return NONE;
  }
  return { ...NONE, destinations: [{ ...common, type: 'chat', channel, account, chat: id }] };
}

async function mail(
  common: Common,
  written: Of<'mail'>,
  input: ConfigInput,
  issues: Issues,
): Promise<AlertPlaces> {
  const at = (key: string): readonly Segment[] => ['alerts', 'destinations', common.name, key];
  const { judgeAuthority } = await import('../../controls/egress/index.ts');
  const { tls = 'implicit', from, to, username, password } = written;
  const port = written.port ?? (tls === 'implicit' ? 465 : 587);
  const judged = judgeAuthority(written.host, port);
  if (!judged.ok || judged.target.port !== port) {
    issues.error(at('host'), 'CONFIG_ALERTS_INVALID', {
      message: judged.ok ? 'the port stands in a key of its own' : judged.message,
    });
    return NONE;
  }
  if ((username === undefined) !== (password === undefined)) {
    issues.error(at(username === undefined ? 'username' : 'password'), 'CONFIG_ALERTS_INVALID', {
      message: 'username and password come together, or neither',
    });
    return NONE;
  }
  const { host } = judged.target;
  const secret = readReference(
    password,
    at('password'),
    input,
    { host, port, header: 'smtp:password' },
    issues,
  );
  const own: MailDestination = {
    name: common.name,
    host,
    port,
    tls,
    from,
    to,
    username: username ?? null,
    password: secret?.name ?? null,
  };
  return {
    destinations: [{ ...common, type: 'mail' }],
    mail: [own],
    secrets: secret === undefined ? [] : [secret],
    rules: [
      {
        id: `alert:${common.name}`,
        host,
        port,
        class: 'telemetry',
        protocol: 'tcp',
        ...networksOf(written),
      },
    ],
  };
}
