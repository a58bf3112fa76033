import { Type } from 'typebox';
import type { LedgerRecord, LedgerService } from '../../controls/trace/types.ts';
import { defineOperation } from '../define.ts';
import { instant, name, strict } from '../schema.ts';

/** Records of one look into the ledger, and of one answer in all. */
const PAGE = 1_000;
const MAX_RECORDS = 50_000;

const Text = Type.String();
const RowSchema = strict({
  channel: Type.String({ description: 'A chat channel, or how a principal reached the gateway.' }),
  account: Text,
  sender: Type.String({ description: 'Stable id of the sender, or the principal.' }),
  agent: Text,
  chat: Type.String({ description: '`direct`, or the group that it was written in.' }),
  messages: Type.Integer(),
  firstAt: Type.Number({ description: 'Unix milliseconds.' }),
  lastAt: Type.Number({ description: 'Unix milliseconds.' }),
});

interface Row {
  readonly channel: string;
  readonly account: string;
  readonly sender: string;
  readonly agent: string;
  readonly chat: string;
  messages: number;
  firstAt: number;
  lastAt: number;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Messages of chat senders are recorded when they are admitted, those of principals when they are received. */
function rowOf({ action, subject, data, at }: LedgerRecord): Row | undefined {
  if (subject === undefined || subject.agent === undefined) return undefined;
  const times = { messages: 1, firstAt: at, lastAt: at };
  if (action === 'message.admitted') {
    const chat = data?.['chat'] === 'group' ? textOf(data['chatId']) : 'direct';
    const account = textOf(data?.['account']);
    const { agent, channel = '', sender = '' } = subject;
    return { channel, account, sender, agent, chat, ...times };
  }
  if (action !== 'message.received' || subject.principal.startsWith('sender:')) return undefined;
  return {
    channel: 'gateway',
    account: '',
    sender: subject.principal,
    agent: subject.agent,
    chat: 'direct',
    ...times,
  };
}

async function gather(ledger: LedgerService, since: number, until: number | undefined) {
  const rows: LedgerRecord[] = [];
  let before = until;
  while (rows.length < MAX_RECORDS) {
    const page = await ledger.query({
      type: 'message',
      limit: PAGE,
      after: since,
      ...(before === undefined ? {} : { before }),
    });
    rows.push(...page);
    const oldest = page[0];
    if (page.length < PAGE || oldest === undefined) return { rows, truncated: false };
    // Records of the same millisecond are looked at again rather than missed; they are told apart by their numbers.
    before = oldest.at + 1 === before ? oldest.at : oldest.at + 1;
  }
  return { rows, truncated: true };
}

export const ledgerWho = defineOperation({
  id: 'ledger.who',
  summary: 'Say who talked to which agent, when, and through what',
  input: strict({
    since: Type.Optional(instant('Only after this time; the last 30 days when absent.')),
    until: Type.Optional(instant('Only before this time.')),
    channel: Type.Optional(
      name('Only this channel; `gateway` is everybody who connects to the gateway itself.'),
    ),
    sender: Type.Optional(name('Only this sender or principal.')),
    agent: Type.Optional(name('Only this agent.')),
  }),
  output: strict({
    talked: Type.Array(RowSchema, { description: 'Who talked last comes first.' }),
    truncated: Type.Boolean({ description: 'There was more than one answer holds; ask for a shorter time.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'ledger who',
    examples: ['gatehouse ledger who --since 7d', 'gatehouse ledger who --channel telegram --agent main'],
    offline: true,
  },
  async run({ services }, { since = services.clock.now() - 30 * 86_400_000, until, ...wanted }) {
    const { rows, truncated } = await gather(services.ledger, since, until);
    const seen = new Set<string>();
    const talked = new Map<string, Row>();
    for (const record of rows) {
      const id = `${record.writer}/${record.seq}`;
      if (seen.has(id)) continue;
      seen.add(id);
      const row = rowOf(record);
      if (row === undefined) continue;
      const { channel, sender, agent } = wanted;
      if (channel !== undefined && row.channel !== channel) continue;
      if (sender !== undefined && row.sender !== sender) continue;
      if (agent !== undefined && row.agent !== agent) continue;
      const key = JSON.stringify([row.channel, row.account, row.sender, row.agent, row.chat]);
      const known = talked.get(key);
      if (known === undefined) talked.set(key, row);
      else {
        known.messages += 1;
        known.firstAt = Math.min(known.firstAt, row.firstAt);
        known.lastAt = Math.max(known.lastAt, row.lastAt);
      }
    }
    return { talked: [...talked.values()].sort((a, b) => b.lastAt - a.lastAt), truncated };
  },
});
