import type { Kysely } from 'kysely';
import {
  type Alerts,
  type Authority,
  authorityOf,
  Burst,
  type Clock,
  type CompiledLayer,
  compileLayer,
  type Decision,
  decide,
  type Ledger,
  type Logger,
  narrow,
  type Random,
  type Subject,
} from '../../kernel/index.ts';
import { ADMISSION_CODES, SENDERS_CODES } from './codes.ts';
import { chatId, idHint, senderId } from './ids.ts';
import { RefusalJournal, type SetTimer } from './journal.ts';
import { admissionLayer, DIRECT, type Standing, senderLayer } from './layers.ts';
import { Pairings, pairingReply, plainName } from './pairing.ts';
import type { SenderPolicy } from './policy.ts';
import { SenderStore } from './store.ts';
import type { SenderTables } from './tables.ts';
import type {
  Admission,
  InboundFacts,
  PendingPairing,
  SenderKey,
  SenderRecord,
  SenderService,
} from './types.ts';

/** What the configuration says now; read for every message, so that a reload counts at once. */
export interface SenderRules {
  /** Undefined for a channel or an account that is not configured. */
  policyOf(channel: string, account: string): SenderPolicy | undefined;
  /** Which agent a message is for; the most specific binding wins. */
  agentFor(facts: InboundFacts): string;
  /** Install ceiling ∩ playbook of an agent. */
  authorityOf(agent: string): Authority | undefined;
  ceiling(): CompiledLayer;
  /** Whether a person's conversations through two accounts of one channel are two. */
  perAccount(): boolean;
  channels(): readonly string[];
  /** Senders that the configuration itself lists, for `senders list`. */
  listed(): readonly SenderRecord[];
}

export interface SenderParts {
  readonly db: Kysely<SenderTables>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly rules: SenderRules;
  readonly alerts?: Alerts;
  readonly setTimer: SetTimer;
}

export interface RunningSenders extends SenderService {
  /** Look again at everybody who was admitted: the configuration has changed. */
  reconsider(): Promise<void>;
  close(): void;
}

/** Messages of one sender that are refused within a window until somebody is told. */
export const SPIKE_MESSAGES = 20;
const SPIKE_WINDOW_MS = 60_000;

/** Principals whose last admission is remembered, to be looked at again when the rules change. */
const MAX_REMEMBERED = 10_000;

/** Admission over these tables. Creating it starts nothing. */
export function createSenderService(parts: SenderParts): RunningSenders {
  return new Senders(parts);
}

class Senders implements RunningSenders {
  readonly #parts: SenderParts;
  readonly #store: SenderStore;
  readonly #pairings: Pairings;
  readonly #journal: RefusalJournal;
  readonly #spikes = new Burst(SPIKE_MESSAGES, SPIKE_WINDOW_MS);
  readonly #admitted = new Map<string, InboundFacts>();
  readonly #onBlocked = new Set<(principal: string) => void>();
  readonly #onPairing = new Set<(pending: PendingPairing) => void>();

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#store = new SenderStore(parts.db);
    this.#pairings = new Pairings(parts.db, parts.clock, parts.random);
    this.#journal = new RefusalJournal(parts.ledger, parts.clock, parts.setTimer, (cause) =>
      parts.logger.error('a refused message could not be recorded', { cause: String(cause) }),
    );
  }

  async admit(facts: InboundFacts, trace: string): Promise<Admission> {
    const { rules } = this.#parts;
    const agent = rules.agentFor(facts);
    const principal = principalOf(facts);
    const subject: Subject = { principal, agent, channel: facts.channel, sender: facts.sender };
    const decision = await this.#decide(facts, agent, subject);
    if (decision.effect === 'ask') return this.#pair(facts, decision, subject, trace);
    if (decision.effect === 'deny') return this.#refuse(facts, decision, subject, trace);
    const place = this.#placeOf(facts, agent);
    if (this.#waitsForMention(facts)) {
      const code = ADMISSION_CODES.notMentioned;
      this.#note(facts, { ...decision, code }, subject, trace);
      return { effect: 'context', code, rule: decision.rule, ...place };
    }
    await this.#recordAdmitted(facts, decision, { ...subject, session: place.sessionKey }, trace);
    this.#remember(principal, facts);
    const authority = authorityOf(rules.ceiling(), compileLayer(senderLayer(principal, agent)));
    return {
      effect: 'admit',
      rule: decision.rule,
      agent,
      ...place,
      principal,
      authority,
      taint: taintOf(facts),
    };
  }

  pendingPairings(channel?: string): Promise<readonly PendingPairing[]> {
    return this.#pairings.pending(channel);
  }

  async approvePairing(code: string, by: string): Promise<SenderRecord> {
    const pending = await this.#pairings.find(code);
    const standing = await this.#store.find(pending);
    if (standing?.status === 'blocked') throw SENDERS_CODES.error('SENDERS_BLOCKED');
    const record = this.#record(pending, 'allowed', 'pairing', by, pending.displayName);
    await this.#recordChange('sender.allowed', record);
    if (!(await this.#pairings.remove(pending.code))) throw SENDERS_CODES.error('SENDERS_PAIRING_UNKNOWN');
    await this.#store.save(record);
    return record;
  }

  async denyPairing(code: string, by: string): Promise<PendingPairing> {
    const pending = await this.#pairings.find(code);
    await this.#pairings.deny(pending.code);
    const { channel, account, sender } = pending;
    await this.#append('sender.denied', { channel, account, sender, by }).catch(() => undefined);
    return pending;
  }

  async list(channel?: string): Promise<readonly SenderRecord[]> {
    const configured = this.#parts.rules.listed();
    const stored = await this.#store.list(channel);
    return [...configured.filter((record) => channel === undefined || record.channel === channel), ...stored];
  }

  async allow(key: SenderKey, by: string): Promise<SenderRecord> {
    const checked = this.checkKey(key);
    const known = await this.#store.find(checked);
    const record = this.#record(checked, 'allowed', 'operator', by, known?.displayName ?? '');
    await this.#recordChange('sender.allowed', record);
    await this.#store.save(record);
    await this.#pairings.forget(checked.channel, checked.account, checked.sender);
    return record;
  }

  /** Taking a right away does not wait for the ledger: what cannot be written is logged, and the block stands. */
  async block(key: SenderKey, by: string): Promise<SenderRecord> {
    const checked = this.checkKey(key);
    const known = await this.#store.find(checked);
    const record = this.#record(checked, 'blocked', 'operator', by, known?.displayName ?? '');
    await this.#store.save(record);
    await this.#pairings.forget(checked.channel, checked.account, checked.sender);
    this.#announceBlocked(principalOf(checked));
    await this.#append('sender.blocked', changeData(record)).catch((cause: unknown) =>
      this.#parts.logger.error('a block could not be recorded', { cause: String(cause) }),
    );
    return record;
  }

  async forget(key: SenderKey): Promise<void> {
    const { channel, account, sender } = key;
    await this.#store.remove(key);
    await this.#pairings.forget(channel, account, sender);
    this.#announceBlocked(principalOf(key));
    await this.#append('sender.forgotten', { channel, account, sender });
  }

  onBlocked(listener: (principal: string) => void): () => void {
    this.#onBlocked.add(listener);
    return () => this.#onBlocked.delete(listener);
  }

  onPairingRequest(listener: (pending: PendingPairing) => void): () => void {
    this.#onPairing.add(listener);
    return () => this.#onPairing.delete(listener);
  }

  async reconsider(): Promise<void> {
    for (const [principal, facts] of Array.from(this.#admitted)) {
      const agent = this.#parts.rules.agentFor(facts);
      const subject = { principal, agent, channel: facts.channel, sender: facts.sender };
      const { effect } = await this.#decide(facts, agent, subject);
      if (effect !== 'allow') this.#announceBlocked(principal);
    }
  }

  close(): void {
    this.#journal.flush();
    this.#onBlocked.clear();
    this.#onPairing.clear();
  }

  async stands({ channel, account, sender }: SenderKey): Promise<boolean> {
    const chat = { kind: 'direct', id: sender } as const;
    const facts = { channel, account, sender, displayName: '', chat, mentioned: true };
    const agent = this.#parts.rules.agentFor(facts);
    const subject = { principal: principalOf(facts), agent, channel, sender };
    return (await this.#decide(facts, agent, subject)).effect === 'allow';
  }

  async #decide(facts: InboundFacts, agent: string, subject: Subject): Promise<Decision> {
    const { rules, clock } = this.#parts;
    const policy = rules.policyOf(facts.channel, facts.account);
    const own = rules.authorityOf(agent);
    if (policy === undefined || own === undefined || !hasStableIds(facts)) {
      return refusedEarly(policy === undefined ? 'this channel is not configured' : 'not a stable id');
    }
    const standing: Standing = await this.#store.find(facts);
    const authority = narrow(own, authorityOf(compileLayer(admissionLayer(policy, standing, facts))));
    const { channel, sender } = facts;
    const chat = facts.chat.kind === 'direct' ? DIRECT : facts.chat.id;
    return decide(authority, subject, { kind: 'message.receive', channel, sender, agent, chat }, clock.now());
  }

  #waitsForMention(facts: InboundFacts): boolean {
    if (facts.chat.kind === 'direct' || facts.mentioned) return false;
    const groups = this.#parts.rules.policyOf(facts.channel, facts.account)?.groups;
    const group = groups?.get(facts.chat.id) ?? groups?.get('*');
    return group?.requireMention ?? true;
  }

  /** One conversation per channel and peer, or per group; a key is an address, and the space keeps others out (S5). */
  #placeOf(facts: InboundFacts, agent: string): { readonly space: string; readonly sessionKey: string } {
    const { channel, account, sender, chat } = facts;
    const through = this.#parts.rules.perAccount() ? `${channel}:${account}` : channel;
    const peer = chat.kind === 'direct' ? `direct:${sender}` : `group:${chat.id}`;
    const owner = chat.kind === 'direct' ? `sender:${through}:${sender}` : `chat:${through}:${chat.id}`;
    return { space: owner, sessionKey: `agent:${agent}:${through}:${peer}` };
  }

  async #pair(facts: InboundFacts, decision: Decision, subject: Subject, trace: string): Promise<Admission> {
    this.#countRefusal(facts, decision.code, subject);
    const offer = await this.#pairings.offer(facts);
    const code = offer.kind === 'new' ? decision.code : offer.code;
    this.#note(facts, { ...decision, effect: 'ask', code }, subject, trace);
    if (offer.kind === 'silent') return { effect: 'pair', code, rule: decision.rule, reply: null };
    for (const listener of this.#onPairing) listener(offer.pending);
    return { effect: 'pair', code, rule: decision.rule, reply: pairingReply(offer.pending) };
  }

  #refuse(facts: InboundFacts, decision: Decision, subject: Subject, trace: string): Admission {
    this.#note(facts, decision, subject, trace);
    const policy = this.#parts.rules.policyOf(facts.channel, facts.account);
    const { code, rule, reason } = decision;
    const groups = policy?.groups;
    const inListedGroup =
      facts.chat.kind === 'group' &&
      code === 'SENDERS_NOT_ALLOWED' &&
      policy?.groupPolicy === 'allowlist' &&
      (groups?.has(facts.chat.id) === true || groups?.has('*') === true);
    if (!inListedGroup) {
      this.#countRefusal(facts, code, subject);
      return { effect: 'refuse', code, rule, reason };
    }
    return { effect: 'context', code, rule, ...this.#placeOf(facts, this.#parts.rules.agentFor(facts)) };
  }

  /** Somebody who is not let in and goes on writing is worth a look. */
  #countRefusal({ channel, account, sender }: InboundFacts, code: string, subject: Subject): void {
    if (!this.#spikes.add(subject.principal, this.#parts.clock.monotonic())) return;
    this.#parts.alerts?.raise({
      rule: 'senders.spike',
      code,
      severity: 'warning',
      title: `${SPIKE_MESSAGES} messages of ${sender} on ${channel}/${account} were refused within a minute`,
      fix: 'If nobody knows the sender: `gatehouse senders block`; on the platform, report it.',
      key: subject.principal,
      subject,
    });
  }

  #note(facts: InboundFacts, decision: Decision, subject: Subject, trace: string): void {
    const { code, rule, effect } = decision;
    this.#journal.refused(`${subject.principal} ${facts.chat.id} ${code}`, {
      type: 'message',
      action: 'message.refused',
      outcome: effect === 'allow' ? 'deny' : effect,
      code,
      rule,
      subject,
      trace,
      data: { account: facts.account, chat: facts.chat.kind, chatId: facts.chat.id },
    });
  }

  /** @throws SENDERS_NOT_RECORDED: whoever cannot be written down is not let in (attack 98) */
  async #recordAdmitted(
    facts: InboundFacts,
    decision: Decision,
    subject: Subject,
    trace: string,
  ): Promise<void> {
    try {
      await this.#parts.ledger.append({
        type: 'message',
        action: 'message.admitted',
        outcome: 'allow',
        rule: decision.rule,
        subject,
        trace,
        authorityHash: decision.authorityHash,
        data: { account: facts.account, chat: facts.chat.kind, chatId: facts.chat.id },
      });
    } catch (cause) {
      throw SENDERS_CODES.error('SENDERS_NOT_RECORDED', undefined, { cause });
    }
  }

  #remember(principal: string, facts: InboundFacts): void {
    this.#admitted.delete(principal);
    const [oldest] = this.#admitted.keys();
    if (this.#admitted.size >= MAX_REMEMBERED && oldest !== undefined) this.#admitted.delete(oldest);
    this.#admitted.set(principal, facts);
  }

  #announceBlocked(principal: string): void {
    this.#admitted.delete(principal);
    for (const listener of this.#onBlocked) listener(principal);
  }

  /** @throws SENDERS_CHANNEL_UNKNOWN, SENDERS_ID_INVALID */
  checkKey({ channel, account, sender }: SenderKey): SenderKey {
    const known = this.#parts.rules.channels();
    if (this.#parts.rules.policyOf(channel, account) === undefined) {
      const names = known.join(', ') || 'none is configured';
      throw SENDERS_CODES.error(
        'SENDERS_CHANNEL_UNKNOWN',
        `there is no ${channel}/${account}; channels: ${names}`,
      );
    }
    const id = senderId(channel, sender);
    if (id === undefined) {
      throw SENDERS_CODES.error('SENDERS_ID_INVALID', `not a stable id of ${channel}: ${idHint(channel)}`);
    }
    return { channel, account, sender: id };
  }

  #record<const Status extends SenderRecord['status'], const Source extends 'pairing' | 'operator'>(
    { channel, account, sender }: SenderKey,
    status: Status,
    source: Source,
    by: string,
    displayName: string,
  ) {
    const at = this.#parts.clock.now();
    return { channel, account, sender, displayName: plainName(displayName), status, source, by, at };
  }

  /** @throws SENDERS_NOT_RECORDED */
  async #recordChange(action: string, record: SenderRecord): Promise<void> {
    try {
      await this.#append(action, changeData(record));
    } catch (cause) {
      throw SENDERS_CODES.error('SENDERS_NOT_RECORDED', undefined, { cause });
    }
  }

  async #append(action: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#parts.ledger.append({ type: 'change', action, outcome: 'success', data });
  }
}

function changeData({
  channel,
  account,
  sender,
  source,
  by,
}: SenderRecord): Readonly<Record<string, unknown>> {
  return { channel, account, sender, source, by };
}

/** Everything that a sender causes is done under this name. */
export function principalOf({ channel, account, sender }: SenderKey): string {
  return `sender:${channel}:${account}:${sender}`;
}

/** An adapter that lets a name through where an id belongs is stopped here (S4). */
function hasStableIds({ channel, sender, chat }: InboundFacts): boolean {
  if (senderId(channel, sender) !== sender) return false;
  return chat.kind === 'direct' || chatId(channel, chat.id) === chat.id;
}

function refusedEarly(reason: string): Decision {
  const code = 'SENDERS_NOT_ALLOWED';
  return { effect: 'deny', code, rule: 'senders/(none)', reason, authorityHash: '' };
}

/** What machines send is nobody's word: it came from wherever the sending program got it (X9). */
function taintOf({ channel }: InboundFacts): readonly ['untrusted'] | readonly [] {
  return channel === 'webhook' ? ['untrusted'] : [];
}
