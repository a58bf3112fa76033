import type { RangeContext } from '../../../controls/drills/index.ts';
import type { DrillAccount, SenderRange } from '../../../controls/senders/drills.ts';
import type { SenderKey } from '../../../controls/senders/types.ts';
import type { DrillMark } from '../../../kernel/index.ts';
import type { Core } from '../../core.ts';
import { senderPolicies } from '../../senders.ts';

/** Larger than any id that Telegram has given so far, and still one of its form. */
const NOBODY = 9_000_000_000_000_000;

type SenderPorts = Pick<SenderRange, 'accounts' | 'admit' | 'stranger' | 'pairingCode' | 'agePairing'>;

/** Senders as drills see them: the admission that every message takes, and nothing after it. */
export function senderPorts(core: Core, context: RangeContext): SenderPorts {
  const { senders, config, db } = core;
  return {
    accounts: senderPolicies(config).map(
      ({ channel, account, dmPolicy, groups, grants }): DrillAccount => ({
        channel,
        account,
        dmPolicy,
        groups: [...groups.keys()],
        isOpen: dmPolicy === 'open' && grants.some(({ expires }) => expires > Date.now()),
      }),
    ),
    admit: (facts, { id }) => senders.admit(facts, id),
    async stranger({ channel, account }, mark) {
      const sender = strangerOf(channel, mark);
      await context.willMake('sender', `${channel} ${account} ${sender}`);
      return sender;
    },
    async pairingCode(key) {
      const pending = await senders.pendingPairings(key.channel);
      return pending.find((one) => one.account === key.account && one.sender === key.sender)?.code;
    },
    async agePairing({ channel, account, sender }: SenderKey) {
      await db
        .updateTable('sender_pairings')
        .set({ expires_at: Date.now() - 1 })
        .where('channel', '=', channel)
        .where('account', '=', account)
        .where('sender', '=', sender)
        .execute();
    },
  };
}

function strangerOf(channel: string, { id }: DrillMark): string {
  if (channel !== 'telegram') return `drill-${id}`;
  return String(NOBODY + (Number.parseInt(id.slice(1), 16) % 1_000_000_000));
}
