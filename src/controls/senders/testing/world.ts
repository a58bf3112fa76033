import { openDatabase } from '../../../drivers/sqlite/index.ts';
import {
  type Alerts,
  authorityOf,
  compileLayer,
  type Grant,
  type LedgerEvent,
} from '../../../kernel/index.ts';
import { agentFor } from '../bindings.ts';
import { accountsOf, policyOf, type WrittenPolicies } from '../policy.ts';
import { createSenderService, type RunningSenders } from '../service.ts';
import { migrations, type SenderTables } from '../tables.ts';
import type { AgentBinding, InboundFacts } from '../types.ts';

export const START = 1_800_000_000_000;

export interface SenderWorld {
  readonly senders: RunningSenders;
  readonly events: LedgerEvent[];
  /** Let the ledger fail from now on. */
  breakLedger(): void;
  advance(ms: number): void;
  configure(written: WrittenPolicies): void;
  flush(): void;
}

interface Options {
  readonly written: WrittenPolicies;
  readonly grants?: readonly Grant[];
  readonly bindings?: readonly AgentBinding[];
  readonly perAccount?: boolean;
  readonly alerts?: Alerts;
}

/** The control over a real database, with a clock that stands still and random bytes that count. */
export async function senderWorld(options: Options): Promise<SenderWorld & AsyncDisposable> {
  const database = openDatabase<SenderTables>(':memory:');
  await database.migrate(migrations);
  const events: LedgerEvent[] = [];
  let { written } = options;
  let broken = false;
  let now = START;
  let next = 0;
  let flush: () => void = () => undefined;
  const allowAll = (id: string) =>
    compileLayer({
      id,
      rules: [{ id: 'senders', kind: 'message.receive', effect: 'allow' }],
      grants: id === 'ceiling' ? (options.grants ?? []) : [],
    });
  const senders = createSenderService({
    db: database.db,
    clock: { now: () => now, monotonic: () => now },
    random: { bytes: (size) => Uint8Array.from({ length: size }, () => (next += 7)), uuid: () => 'u' },
    ledger: {
      append: async (event) => {
        if (broken) throw new Error('the disk is full');
        events.push(event);
        return { writer: 'test', seq: events.length, hash: '' };
      },
    },
    logger: { info() {}, warn() {}, error() {} },
    ...(options.alerts === undefined ? {} : { alerts: options.alerts }),
    setTimer: (_ms, run) => {
      flush = run;
      return () => undefined;
    },
    rules: {
      policyOf: (channel, account) => policyOf(written, channel, account, options.grants ?? []),
      agentFor: (facts) => agentFor(options.bindings ?? [], facts, 'main'),
      authorityOf: (agent) => authorityOf(allowAll('ceiling'), allowAll(`playbook:${agent}`)),
      ceiling: () => allowAll('ceiling'),
      perAccount: () => options.perAccount === true,
      channels: () => accountsOf(written).map(([channel]) => channel),
      listed: () => [],
    },
  });
  return {
    senders,
    events,
    breakLedger: () => {
      broken = true;
    },
    advance: (ms) => {
      now += ms;
    },
    configure: (next) => {
      written = next;
    },
    flush: () => flush(),
    [Symbol.asyncDispose]: async () => {
      senders.close();
      database.close();
    },
  };
}

export function direct(sender: string, more: Partial<InboundFacts> = {}): InboundFacts {
  return {
    channel: 'telegram',
    account: 'default',
    sender,
    displayName: 'Somebody',
    chat: { kind: 'direct', id: sender },
    mentioned: false,
    ...more,
  };
}

export function inGroup(sender: string, chat: string, mentioned: boolean): InboundFacts {
  return direct(sender, { chat: { kind: 'group', id: chat }, mentioned });
}

export function openGrant(expires: number): Grant {
  return {
    id: 'open-house',
    layer: 'ceiling',
    kind: 'message.receive',
    match: { channel: ['telegram'], sender: ['*'] },
    owner: 'ops',
    ticket: 'T-1',
    reason: 'open house',
    expires,
  };
}
