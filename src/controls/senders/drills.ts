import {
  type Drill,
  type DrillAttempt,
  type DrillCall,
  type DrillMark,
  type DrillRange,
  NotApplicable,
  SetupFailed,
} from '../../kernel/index.ts';
import type { Admission, InboundFacts, SenderKey } from './types.ts';

/** An account of a chat channel, as far as drills look at it. */
export interface DrillAccount {
  readonly channel: string;
  readonly account: string;
  readonly dmPolicy: string;
  /** Ids of the groups that the configuration lists; `*` is every group. */
  readonly groups: readonly string[];
  /** A grant lets everybody write at present (S6); `senders` findings say so. */
  readonly isOpen: boolean;
}

/** What drills of senders need besides what every drill has. No message is answered and no turn starts. */
export interface SenderRange extends DrillRange {
  readonly accounts: readonly DrillAccount[];
  /** Judge a message as if the platform had delivered it; what would be answered is thrown away. */
  admit(facts: InboundFacts, mark: DrillMark): Promise<Admission>;
  /** A stable id of this platform that belongs to nobody; whatever is kept of it is removed afterwards. */
  stranger(account: DrillAccount, mark: DrillMark): Promise<string>;
  /** The code that this stranger waits with. */
  pairingCode(key: SenderKey): Promise<string | undefined>;
  /** Let the hour of this stranger's code be over. */
  agePairing(key: SenderKey): Promise<void>;
}

const REFUSED = 'message.refused';
const SPIKE = { rule: 'senders.spike' } as const;
const NOBODY_TOLD = {
  none: 'naming a code takes operator.pairing, which guessing does not give, and each call is on record',
} as const;

function closed(range: SenderRange): readonly DrillAccount[] {
  if (range.accounts.length === 0) throw new NotApplicable('no chat channel is configured');
  const found = range.accounts.filter(({ isOpen }) => !isOpen);
  if (found.length > 0) return found;
  throw new NotApplicable('a grant lets everybody write to every account at present');
}

function direct({ channel, account }: DrillAccount, sender: string): InboundFacts {
  return {
    channel,
    account,
    sender,
    displayName: 'drill',
    chat: { kind: 'direct', id: sender },
    mentioned: true,
  };
}

function refusalOf(admission: Admission): DrillAttempt['refusal'] {
  if (admission.effect === 'admit') return undefined;
  return { code: admission.code, rule: admission.rule };
}

/** One message, and more until somebody is told. */
async function written(
  range: SenderRange,
  what: string,
  facts: InboundFacts,
  mark: DrillMark,
  expectsAlert = true,
): Promise<DrillAttempt> {
  const at = range.now();
  const admission = await range.admit(facts, mark);
  const refusal = refusalOf(admission);
  const names = [facts.sender];
  if (refusal !== undefined && expectsAlert)
    await range.untilAlert(mark, () => range.admit(facts, mark), { names });
  return { tried: `${what} on ${facts.channel}/${facts.account}`, mark, at, refusal, names };
}

/** An account where strangers are offered a code, and room for one more of them. */
async function pairing(
  range: SenderRange,
): Promise<{ readonly key: SenderKey; readonly code: string; readonly mark: DrillMark }> {
  const account = closed(range).find(({ dmPolicy }) => dmPolicy === 'pairing');
  if (account === undefined) throw new NotApplicable('no account pairs strangers (dmPolicy: pairing)');
  const mark = range.mark();
  const sender = await range.stranger(account, mark);
  const key = { channel: account.channel, account: account.account, sender };
  await range.admit(direct(account, sender), mark);
  const code = await range.pairingCode(key);
  if (code === undefined)
    throw new NotApplicable(`three strangers wait on ${account.channel} already, so no code is offered`);
  return { key, code, mark };
}

function approval(call: DrillCall): DrillAttempt['refusal'] {
  return call.ok ? undefined : { code: call.code };
}

const pairingCommon = {
  requirements: ['S2'],
  attacks: [],
  codes: ['SENDERS_PAIRING_UNKNOWN'],
  event: 'pairing.approve',
  alert: NOBODY_TOLD,
} as const;

/** Negative tests of who may talk to an agent (S1 to S6), through the admission that every message takes. */
export const SENDER_DRILLS: readonly Drill<SenderRange>[] = [
  {
    id: 'senders.stranger',
    title: 'a message from somebody whom nobody has let in, on every account',
    requirements: ['S1'],
    attacks: [],
    codes: ['SENDERS_NOT_ALLOWED', 'SENDERS_DENIED', 'SENDERS_PAIRING_REQUIRED', 'SENDERS_PAIRING_FULL'],
    rule: 'dmPolicy and allowFrom',
    event: REFUSED,
    alert: SPIKE,
    async run(range) {
      const attempts: DrillAttempt[] = [];
      for (const account of closed(range)) {
        const mark = range.mark();
        const sender = await range.stranger(account, mark);
        attempts.push(
          await written(range, 'a direct message from a stranger', direct(account, sender), mark),
        );
      }
      return attempts;
    },
  },
  {
    id: 'senders.blocked',
    title: 'a message from somebody whom an operator has blocked',
    requirements: ['S1'],
    attacks: [],
    codes: ['SENDERS_DENIED'],
    rule: 'gatehouse senders block',
    event: REFUSED,
    alert: SPIKE,
    async run(range) {
      const attempts: DrillAttempt[] = [];
      for (const account of closed(range)) {
        const mark = range.mark();
        const sender = await range.stranger(account, mark);
        const key = { channel: account.channel, account: account.account, sender };
        for (const verb of ['senders.allow', 'senders.block']) {
          const done = await range.operation(verb, key, mark);
          if (!done.ok) throw new SetupFailed(`${verb} failed: ${done.code}`);
        }
        attempts.push(
          await written(range, 'a direct message from a blocked sender', direct(account, sender), mark),
        );
      }
      return attempts;
    },
  },
  {
    id: 'senders.unlisted-in-group',
    title: 'a message in a group from a member who is not listed, or in a group that is not',
    requirements: ['S3'],
    attacks: [],
    codes: ['SENDERS_NOT_ALLOWED', 'SENDERS_DENIED'],
    rule: 'groups and groupAllowFrom',
    event: REFUSED,
    alert: {
      none: 'unlisted members of a group write all day; their lines are kept as context and move nothing',
    },
    async run(range) {
      const attempts: DrillAttempt[] = [];
      for (const account of closed(range).filter(({ channel }) => channel !== 'webhook')) {
        const mark = range.mark();
        const sender = await range.stranger(account, mark);
        const id = account.groups.find((group) => group !== '*') ?? `-${sender}`;
        const what = account.groups.includes(id)
          ? 'a mention in a listed group by an unlisted member'
          : 'a mention in a group that is not listed';
        const facts: InboundFacts = {
          ...direct(account, sender),
          chat: { kind: 'group', id },
          mentioned: true,
        };
        attempts.push(await written(range, what, facts, mark, false));
      }
      if (attempts.length === 0) throw new NotApplicable('no account is of a platform that has groups');
      return attempts;
    },
  },
  {
    id: 'senders.name-instead-of-id',
    title: 'a message whose sender is a name that people can choose',
    requirements: ['S4'],
    attacks: [82],
    codes: ['SENDERS_NOT_ALLOWED'],
    rule: 'stable ids only',
    event: REFUSED,
    alert: SPIKE,
    async run(range) {
      const [account] = closed(range);
      if (account === undefined) return [];
      const mark = range.mark();
      return [await written(range, 'a direct message from "@<name>"', direct(account, `@${mark.id}`), mark)];
    },
  },
  {
    id: 'senders.forged-delivery',
    title: 'a delivery on the webhooks listener that nobody signed',
    requirements: ['S1', 'L3'],
    attacks: [80],
    codes: ['CHANNEL_SIGNATURE_INVALID'],
    rule: 'the secret of the account',
    event: 'login.refused',
    alert: { rule: 'auth.spike' },
    async run(range) {
      const target = range.targets.find(({ plane, exposed }) => plane === 'webhooks' && !exposed);
      const account = range.accounts.find(({ channel }) => channel === 'webhook');
      if (target === undefined || account === undefined)
        throw new NotApplicable('no account takes signed deliveries on a listener of this machine');
      const mark = range.mark();
      const path = `/webhooks/${account.account}`;
      const headers = [
        ['Content-Type', 'application/json'],
        ['webhook-id', mark.id],
        ['webhook-timestamp', String(Math.floor(Date.now() / 1_000))],
        ['webhook-signature', `v1,${Buffer.alloc(32, 7).toString('base64')}`],
      ] as const;
      const body = JSON.stringify({ text: 'a drill' });
      const at = range.now();
      const again = () => range.http(target, mark, { method: 'POST', path, headers, body });
      const { status, code } = await again();
      const refusal = status >= 200 && status < 300 ? undefined : { code };
      if (refusal !== undefined) await range.untilAlert(mark, again);
      return [{ tried: `POST ${path} with a made-up signature`, mark, at, refusal }];
    },
  },
  {
    ...pairingCommon,
    id: 'senders.guessed-pairing-code',
    title: 'an answer to a pairing code that nobody was given',
    rule: 'eight characters out of 32',
    async run(range) {
      const mark = range.mark();
      const at = range.now();
      const code = Array.from(mark.id.slice(1, 9))
        .map((digit) => 'ABCDEFGHJKLMNPQR'.charAt(Number.parseInt(digit, 16)))
        .join('');
      const call = await range.operation('pairing.approve', { code }, mark);
      return [{ tried: 'pairing approve with a made-up code', mark, at, refusal: approval(call) }];
    },
  },
  {
    ...pairingCommon,
    id: 'senders.expired-pairing-code',
    title: 'an answer to a pairing code after its hour',
    rule: 'one hour',
    async run(range) {
      const { key, code, mark } = await pairing(range);
      await range.agePairing(key);
      const at = range.now();
      const call = await range.operation('pairing.approve', { code }, mark);
      return [
        {
          tried: `pairing approve with a code of ${key.channel} that is over`,
          mark,
          at,
          refusal: approval(call),
        },
      ];
    },
  },
  {
    ...pairingCommon,
    id: 'senders.reused-pairing-code',
    title: 'a second answer to a pairing code that was used',
    rule: 'one use',
    async run(range) {
      const { key, code, mark } = await pairing(range);
      const first = await range.operation('pairing.approve', { code }, range.mark());
      if (!first.ok) throw new SetupFailed(`the first use of the code was refused: ${first.code}`);
      const at = range.now();
      const call = await range.operation('pairing.approve', { code }, mark);
      return [
        {
          tried: `pairing approve with a code of ${key.channel} for the second time`,
          mark,
          at,
          refusal: approval(call),
        },
      ];
    },
  },
];
