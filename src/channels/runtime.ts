import type { Admission, SenderService } from '../controls/senders/types.ts';
import {
  type Alerts,
  type Authority,
  asGatehouseError,
  authorityOf,
  type Clock,
  type CompiledLayer,
  compileLayer,
  decide,
  type Ledger,
  type Logger,
  type Random,
  type Subject,
  type TaintLabel,
} from '../kernel/index.ts';
import { isApprovalCommand } from './approvals/command.ts';
import { ApprovalDesk } from './approvals/desk.ts';
import { isNotice, type QuestionStore } from './approvals/store.ts';
import type { ApprovalsPort } from './approvals/types.ts';
import { CHANNEL_CODES } from './codes.ts';
import { ChannelLanes } from './lanes.ts';
import { promptOf, splitText } from './prompt.ts';
import { answerOf, ended, factsOf, keyOf, laneOf, type TurnEnd } from './rows.ts';
import type { AccountCounts, ChannelStore, InboxRow, OutboxRow } from './store.ts';
import type { ChannelAdapter, InboundMessage, SendResult } from './types.ts';

/** What channels need of the agents. */
export interface Turns {
  start(request: {
    readonly space: string;
    readonly sessionKey: string;
    readonly message: string;
    /** The same key never starts a second turn. */
    readonly idempotencyKey: string;
    readonly subject: Subject;
    readonly authority: Authority;
    readonly trace: string;
    readonly taint: readonly TaintLabel[];
  }): Promise<{ readonly done: Promise<TurnEnd> }>;
  subscribe(listener: (event: { readonly type: string; readonly runId: string }) => void): () => void;
}

export interface ChannelParts {
  readonly store: ChannelStore;
  readonly questions: QuestionStore;
  readonly approvals: ApprovalsPort;
  readonly senders: Pick<SenderService, 'admit' | 'onBlocked'>;
  readonly turns: Turns;
  readonly ceiling: () => CompiledLayer;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes out of a text what must not leave. */
  readonly redact: (text: string) => string;
  /** Call `run` once after `ms`; the returned function takes it back. */
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

/** Characters of one message on the way out, for every platform that is started. */
const MAX_OUTGOING = 4_000;
/** Conversations that are worked on at once; a crowd of senders waits, and each keeps its order. */
const MAX_LANES = 16;
/** Messages of one sender that wait for their turn; further ones are refused, so that others are not starved. */
const MAX_WAITING_PER_CHAT = 50;
const MAX_ATTEMPTS = 8;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 300_000;

export interface AccountStatus extends AccountCounts {
  readonly mode: string;
  readonly state: 'connected' | 'starting' | 'failing';
  readonly problem: string | null;
}

/** A message that nobody's message is the cause of. */
export interface Notice {
  /** The same id is sent once. */
  readonly id: string;
  readonly channel: string;
  readonly account: string;
  readonly chat: string;
  readonly text: string;
}

/** Carries messages from adapters to agents and answers back. What it has acknowledged survives it. */
export class ChannelRuntime {
  readonly #parts: ChannelParts;
  readonly #adapters = new Map<string, ChannelAdapter>();
  readonly #waiting = new Map<string, number>();
  readonly #notices = new Map<string, InboxRow>();
  readonly #timers = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #lanes = new ChannelLanes(MAX_LANES, this.#stop.signal);
  readonly #unsubscribe: readonly (() => void)[];
  readonly #desk: ApprovalDesk;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.#desk = this.#deskOf(parts);
    this.#unsubscribe = [
      parts.turns.subscribe((event) => {
        if (event.type === 'tool.approval') void this.#noticeWaiting(event.runId);
      }),
      parts.senders.onBlocked((principal) => {
        void parts.store.drop(principal, parts.clock.now()).catch(this.#lost('a blocked sender'));
      }),
    ];
  }

  /** Take up what an earlier process left. Called once the adapters are known and before they start. */
  async resume(adapters: readonly ChannelAdapter[]): Promise<void> {
    const { store, clock, alerts } = this.#parts;
    for (const adapter of adapters) this.#adapters.set(keyOf(adapter), adapter);
    const now = clock.now();
    await store.forgetOld(now);
    const unknown = await store.markUnknown(now);
    if (unknown > 0) {
      alerts.raise({
        rule: 'channel.unknown-send',
        code: 'CHANNEL_UNREACHABLE',
        severity: 'warning',
        title: `${unknown} answers may or may not have reached their reader: the process ended while they were sent`,
        fix: 'Look at `gatehouse channels status`; the answers themselves stand in their sessions.',
        data: { unknown },
      });
    }
    for (const row of await store.open()) this.#work(row);
    for (const row of await store.pending()) this.#send(row);
    await this.#desk.resume();
  }

  /** Replace the adapters after a reload; those that are gone take nothing with them. */
  replace(adapters: readonly ChannelAdapter[]): void {
    this.#adapters.clear();
    for (const adapter of adapters) this.#adapters.set(keyOf(adapter), adapter);
  }

  /**
   * Store a message before the platform is told that it arrived.
   *
   * @returns false when it was known already
   */
  async receive(message: InboundMessage): Promise<boolean> {
    const { store, random, clock } = this.#parts;
    const id = random.uuid();
    if (!(await store.receive(id, message, clock.now()))) return false;
    const { channel, account, chat, text } = message;
    const row = { id, channel, account, chat_id: chat.id, text };
    const waiting = this.#waiting.get(laneOf(row)) ?? 0;
    // Written down and left: one sender does not fill the memory, nor the model's bill.
    if (waiting >= MAX_WAITING_PER_CHAT) await store.refuse(id);
    else this.#work(row);
    return true;
  }

  /** Put a message for somebody who did not ask into the outbox: an operator who is told of an alert (T4). */
  async notify(message: Notice): Promise<void> {
    const now = this.#parts.clock.now();
    const { id, channel, account, chat, text } = message;
    const row: OutboxRow = {
      id,
      channel,
      account,
      // Platforms of this version name direct chats and groups alike, by one id.
      chat_kind: 'direct',
      chat_id: chat,
      principal: 'gateway',
      text: splitText(text, MAX_OUTGOING)[0] ?? '',
      reply_to: null,
      status: 'pending',
      attempts: 0,
      not_before: now,
      created_at: now,
      ended_at: null,
      reason: null,
    };
    await this.#parts.store.addToOutbox(row);
    this.#send(row);
  }

  counts(channel: string, account: string): Promise<AccountCounts> {
    return this.#parts.store.counts(channel, account);
  }

  /** Stop working; what is under way stays stored and goes on at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#desk.close();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** An answer to an approval does not wait behind the turn that waits for it. */
  #work(row: Pick<InboxRow, 'id' | 'channel' | 'account' | 'chat_id' | 'text'>): void {
    const { id } = row;
    const lane = laneOf(row);
    this.#waiting.set(lane, (this.#waiting.get(lane) ?? 0) + 1);
    this.#lanes.add(isApprovalCommand(row.text) ? 'answer' : 'in', lane, async () => {
      try {
        await this.#process(id);
      } catch (thrown) {
        const { code } = asGatehouseError(thrown);
        this.#parts.logger.error('a message waits because it could not be processed', { id, code });
        this.#later(MAX_RETRY_MS / 10, () => this.#work(row));
      } finally {
        const left = (this.#waiting.get(lane) ?? 1) - 1;
        if (left > 0) this.#waiting.set(lane, left);
        else this.#waiting.delete(lane);
      }
    });
  }

  async #process(id: string): Promise<void> {
    const { store, senders, random } = this.#parts;
    const row = await store.find(id);
    if (row === undefined || (row.status !== 'received' && row.status !== 'admitted')) return;
    const trace = random.uuid();
    // Asked again after a restart too: whoever is no longer let in is not answered.
    const admission = await senders.admit(factsOf(row), trace);
    if (this.#stop.signal.aborted) return;
    if (admission.effect === 'refuse') return store.refuse(id);
    if (admission.effect === 'context') return store.context(id, admission.space);
    if (admission.effect === 'pair') return this.#pair(row, admission);
    if (isApprovalCommand(row.text)) return this.#reply(row, await this.#desk.handle(row, trace));
    await this.#answer(row, admission, trace);
  }

  /** The end of a message and what its sender is told are one step. */
  async #reply(row: InboxRow, text: string): Promise<void> {
    const pieces = splitText(this.#parts.redact(text), MAX_OUTGOING);
    const parts = pieces.map((piece, index) => this.#outgoing(row, `${row.id}:${index}`, piece));
    await this.#parts.store.answer(row.id, parts);
    for (const part of parts) this.#send(part);
  }

  async #pair(row: InboxRow, { reply }: Admission & { readonly effect: 'pair' }): Promise<void> {
    const out = reply === null ? undefined : this.#outgoing(row, `${row.id}:pair`, reply);
    await this.#parts.store.pair(row.id, out);
    if (out !== undefined) this.#send(out);
  }

  async #answer(
    row: InboxRow,
    admission: Admission & { readonly effect: 'admit' },
    trace: string,
  ): Promise<void> {
    const { store } = this.#parts;
    const { space, sessionKey } = admission;
    let prompt = row.prompt;
    let taint: readonly TaintLabel[] = row.taint.includes('untrusted') ? ['untrusted'] : [];
    if (prompt === null) {
      const context = row.chat_kind === 'group' ? await store.contextOf(space) : [];
      prompt = promptOf(row, context);
      taint = context.length > 0 ? ['untrusted'] : admission.taint;
      const used = context.map((line) => line.id);
      await store.admit(row.id, { space, sessionKey, prompt, taint, used });
    }
    this.#notices.set(row.id, row);
    const text = await this.#run(row, admission, { prompt, taint, trace });
    this.#notices.delete(row.id);
    if (text === undefined || this.#stop.signal.aborted) return;
    await this.#reply(row, text);
  }

  /** The text for the sender; undefined when the turn is put off to the next start of the process. */
  async #run(
    row: InboxRow,
    admission: Admission & { readonly effect: 'admit' },
    {
      prompt,
      taint,
      trace,
    }: { readonly prompt: string; readonly taint: readonly TaintLabel[]; readonly trace: string },
  ): Promise<string | undefined> {
    const { space, sessionKey, principal, agent, authority } = admission;
    let handle: Awaited<ReturnType<Turns['start']>>;
    try {
      handle = await this.#parts.turns.start({
        space,
        sessionKey,
        message: prompt,
        idempotencyKey: row.id,
        subject: { principal, agent, channel: row.channel, sender: row.sender },
        authority,
        trace,
        taint,
      });
    } catch (thrown) {
      const { code, status } = asGatehouseError(thrown);
      // Full, draining or without a ledger: the message stays stored and is taken up again.
      if (status === 429 || status === 503 || status === 409) throw thrown;
      return `This did not work (${code}).`;
    }
    return answerOf(await handle.done);
  }

  async #noticeWaiting(runId: string): Promise<void> {
    const row = this.#notices.get(runId);
    if (row === undefined) return;
    this.#notices.delete(runId);
    const notice = this.#outgoing(
      row,
      `${row.id}:wait`,
      'This needs the approval of an operator first. I go on when it is given.',
    );
    try {
      await this.#parts.store.addToOutbox(notice);
      this.#send(notice);
    } catch (cause) {
      this.#lost('a notice')(cause);
    }
  }

  #deskOf(parts: ChannelParts): ApprovalDesk {
    return new ApprovalDesk({
      ...parts,
      store: parts.questions,
      maxMessage: MAX_OUTGOING,
      reaches: (channel, account) => this.#adapters.get(keyOf({ channel, account }))?.reachesPeople !== false,
      send: (row) => this.#send(row),
      // A direct conversation has the id of its sender on every platform that is started.
      outgoing: (to, id, text) =>
        this.#outgoing({ ...to, chat_kind: 'direct', chat_id: to.sender, message_id: '' }, id, text),
    });
  }

  #outgoing(
    row: Pick<InboxRow, 'channel' | 'account' | 'sender' | 'chat_kind' | 'chat_id' | 'message_id'>,
    id: string,
    text: string,
  ): OutboxRow {
    const now = this.#parts.clock.now();
    const { channel, account, chat_kind, chat_id } = row;
    return {
      id,
      channel,
      account,
      chat_kind,
      chat_id,
      principal: `sender:${channel}:${account}:${row.sender}`,
      text,
      reply_to: chat_kind === 'group' ? row.message_id : null,
      status: 'pending',
      attempts: 0,
      not_before: now,
      created_at: now,
      ended_at: null,
      reason: null,
    };
  }

  #send(row: OutboxRow): void {
    this.#lanes.add('out', laneOf(row), () => this.#deliver(row).catch(this.#lost('an answer')));
  }

  async #deliver(row: OutboxRow): Promise<void> {
    const { store, clock, ledger } = this.#parts;
    const adapter = this.#adapters.get(`${row.channel}/${row.account}`);
    if (adapter === undefined)
      return store.mark(row.id, 'failed', ended(clock, 'the account is not configured'));
    const refusal = (await this.#mayBeTold(row)) ? this.#refusalOf(row) : 'CHANNEL_APPROVER_UNKNOWN';
    if (refusal !== undefined) return store.mark(row.id, 'failed', ended(clock, refusal));
    await ledger.append({
      type: 'message',
      action: 'message.sending',
      outcome: 'started',
      subject: { principal: row.principal, channel: row.channel },
      data: { account: row.account, chat: row.chat_id, message: row.id, characters: row.text.length },
    });
    await store.mark(row.id, 'sending', { attempts: row.attempts + 1 });
    const { chat_kind: kind, chat_id, reply_to: replyTo, id, channel, account, text } = row;
    const message = { id, channel, account, chat: { kind, id: chat_id }, text, replyTo };
    await this.#settle(row, await adapter.send(message, this.#stop.signal));
  }

  /** What approvals say is for approvers only, also when that changed while it waited to be sent. */
  async #mayBeTold({ id, principal }: OutboxRow): Promise<boolean> {
    return !isNotice(id) || (await this.#desk.stands(principal));
  }

  /** An answer goes to the conversation that asked, a question to its approver; nothing else has a rule here (X9). */
  #refusalOf({ channel, chat_id, principal }: OutboxRow): string | undefined {
    const reply = compileLayer({
      id: `reply:${channel}`,
      rules: [
        {
          id: 'asked',
          kind: 'message.send',
          effect: 'allow',
          match: { channel: [channel], recipient: [chat_id] },
        },
      ],
    });
    const action = { kind: 'message.send', channel, recipient: chat_id } as const;
    const authority = authorityOf(this.#parts.ceiling(), reply);
    const decision = decide(authority, { principal }, action, this.#parts.clock.now());
    return decision.effect === 'allow' ? undefined : decision.code;
  }

  async #settle(row: OutboxRow, result: SendResult): Promise<void> {
    const { store, clock, logger, ledger } = this.#parts;
    const attempts = row.attempts + 1;
    const event = {
      type: 'message',
      action: result.status === 'sent' ? 'message.sent' : 'message.not-sent',
      subject: { principal: row.principal, channel: row.channel },
    } as const;
    if (result.status === 'sent') {
      // What an approval showed, and its codes, are not kept once they were told.
      await store.mark(row.id, 'sent', { ...ended(clock, null), ...(isNotice(row.id) ? { text: '' } : {}) });
      await ledger.append({ ...event, outcome: 'success', data: { account: row.account, message: row.id } });
      return;
    }
    const { reason } = result;
    if (result.status === 'retry' && attempts < MAX_ATTEMPTS) {
      const wait = Math.max(result.afterMs, Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), MAX_RETRY_MS));
      await store.mark(row.id, 'pending', { attempts, not_before: clock.now() + wait, reason });
      // The next message of this conversation waits as well: order is kept.
      await this.#pause(wait);
      if (this.#stop.signal.aborted) return;
      return this.#deliver({ ...row, attempts });
    }
    const status = result.status === 'unknown' ? 'unknown' : 'failed';
    logger.warn('an answer was not sent', { channel: row.channel, account: row.account, status, reason });
    await store.mark(row.id, status, ended(clock, reason));
    const code = result.status === 'failed' ? result.code : CHANNEL_CODES.error('CHANNEL_UNREACHABLE').code;
    await ledger.append({
      ...event,
      outcome: status === 'unknown' ? 'unknown' : 'failure',
      code,
      data: { message: row.id },
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#timers.delete(cancel);
        this.#stop.signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#parts.setTimer(ms, done);
      this.#timers.add(cancel);
      this.#stop.signal.addEventListener('abort', done, { once: true });
    });
  }

  #later(ms: number, run: () => void): void {
    const cancel = this.#parts.setTimer(ms, () => {
      this.#timers.delete(cancel);
      if (!this.#stop.signal.aborted) run();
    });
    this.#timers.add(cancel);
  }

  #lost(what: string): (cause: unknown) => void {
    return (cause) => {
      if (this.#stop.signal.aborted) return;
      this.#parts.logger.error(`${what} could not be handled`, { cause: String(cause) });
    };
  }
}
