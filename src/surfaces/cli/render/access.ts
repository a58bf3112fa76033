import type { PrincipalRecord, RotationStatus } from '../../../controls/auth/types.ts';
import type { PendingPairing, SenderRecord } from '../../../controls/senders/types.ts';
import type { ChannelStatus } from '../../../operations/services.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

export type TokenVersions = readonly RotationStatus[];

const when = (at: number | null) => (at === null || at === 0 ? null : formatInstant(at));

/** One line per consumer of each version: whom to call before the old one stops. */
export function statusLines(versions: TokenVersions, view: View): readonly string[] {
  const rows = versions.flatMap(({ token, role, rotation, consumers }) => {
    const seen = consumers.length === 0 ? [undefined] : consumers;
    return seen.map((consumer) => ({ token, role, rotation, consumer }));
  });
  const lines = table(
    rows,
    [
      { title: 'TOKEN', value: ({ token }) => `${token.name} v${token.version}` },
      {
        title: 'VERSION',
        value: ({ role, rotation }) =>
          role === 'old' ? `old, until ${formatInstant(rotation?.sunsetAt ?? 0)}` : role,
      },
      { title: 'ADDRESS', value: ({ consumer }) => consumer?.address ?? 'nobody yet' },
      { title: 'CLIENT', value: ({ consumer }) => consumer?.userAgent },
      { title: 'LAST USE', value: ({ consumer }) => when(consumer?.lastAt ?? null) },
      { title: 'USES', value: ({ consumer }) => consumer?.uses },
      { title: 'REFUSED', value: ({ consumer }) => consumer?.failures },
      { title: 'STATE', value: ({ consumer }) => consumer?.state },
      { title: 'CALL', value: ({ token }) => token.owner },
    ],
    view,
    'No tokens.',
  );
  const late = rows.filter(({ consumer }) => consumer?.state === 'still on the old version').length;
  if (late === 0) return lines;
  const verb = late === 1 ? 'client is' : 'clients are';
  return [...lines, '', view.paint('warn', `${late} ${verb} still on an old version: call the owner.`)];
}

export function principalLines(principals: readonly PrincipalRecord[], view: View): readonly string[] {
  return table(
    principals,
    [
      { title: 'NAME', value: (row) => row.name },
      { title: 'KIND', value: (row) => row.kind },
      { title: 'OWNER', value: (row) => row.owner },
      { title: 'SCOPES', value: (row) => row.scopes.join(', ') },
      { title: 'AGENTS', value: (row) => row.agents.join(', ') },
      { title: 'EXPIRES', value: (row) => when(row.expiresAt) },
      {
        title: 'STATE',
        value: (row) => (row.disabledAt === null ? 'enabled' : `disabled ${when(row.disabledAt)}`),
      },
    ],
    view,
    'No principals; tokens without one speak for themselves.',
  );
}

export function senderLines(senders: readonly SenderRecord[], view: View): readonly string[] {
  return table(
    senders,
    [
      { title: 'CHANNEL', value: (row) => `${row.channel}/${row.account}` },
      { title: 'SENDER', value: (row) => row.sender },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'STATUS', value: (row) => row.status },
      { title: 'FROM', value: (row) => row.source },
      { title: 'BY', value: (row) => row.by },
      { title: 'SINCE', value: (row) => when(row.at) },
    ],
    view,
    'Nobody may write yet: strangers get a pairing code (gatehouse pairing list).',
  );
}

export function pairingLines(pending: readonly PendingPairing[], view: View): readonly string[] {
  const lines = table(
    pending,
    [
      { title: 'CODE', value: (row) => row.code },
      { title: 'CHANNEL', value: (row) => `${row.channel}/${row.account}` },
      { title: 'SENDER', value: (row) => row.sender },
      { title: 'NAME', value: (row) => row.displayName },
      { title: 'UNTIL', value: (row) => when(row.expiresAt) },
    ],
    view,
    'Nobody waits.',
  );
  const [first] = pending;
  return first === undefined
    ? lines
    : [...lines, '', asTyped(`gatehouse pairing approve ${first.code}`, view)];
}

export type Talked = readonly {
  readonly channel: string;
  readonly account: string;
  readonly sender: string;
  readonly agent: string;
  readonly chat: string;
  readonly messages: number;
  readonly firstAt: number;
  readonly lastAt: number;
}[];

export function whoLines(talked: Talked, truncated: boolean, view: View): readonly string[] {
  const lines = table(
    talked,
    [
      {
        title: 'THROUGH',
        value: (row) => (row.account === '' ? row.channel : `${row.channel}/${row.account}`),
      },
      { title: 'WHO', value: (row) => row.sender },
      { title: 'WHERE', value: (row) => row.chat },
      { title: 'AGENT', value: (row) => row.agent },
      { title: 'MESSAGES', value: (row) => row.messages },
      { title: 'FIRST', value: (row) => when(row.firstAt) },
      { title: 'LAST', value: (row) => when(row.lastAt) },
    ],
    view,
    'Nobody in this time.',
  );
  return truncated ? [...lines, view.paint('warn', 'There is more: ask for a shorter time.')] : lines;
}

export function channelLines(accounts: readonly ChannelStatus[], view: View): readonly string[] {
  const lines = table(
    accounts,
    [
      { title: 'ACCOUNT', value: (row) => `${row.channel}/${row.account}` },
      { title: 'MODE', value: (row) => row.mode },
      { title: 'STATE', value: (row) => row.state },
      { title: 'LAST MESSAGE', value: (row) => when(row.lastReceivedAt) },
      { title: 'WAITING', value: (row) => row.waiting },
      { title: 'TO SEND', value: (row) => row.toSend },
      { title: 'UNKNOWN', value: (row) => row.unknown },
      { title: 'FAILED', value: (row) => row.failed },
    ],
    view,
    'No channels run (channels in gatehouse.json, and a running gateway).',
  );
  const problems = accounts.flatMap(({ channel, account, problem }) =>
    problem === null ? [] : [`${view.paint('bad', `${channel}/${account}`)}  ${problem}`],
  );
  return [...lines, ...problems];
}
