import { createHash } from 'node:crypto';
import type { ApprovalRecord } from '../../controls/execution/types.ts';
import type { SenderKey } from '../../controls/senders/types.ts';
import {
  type Alerts,
  asGatehouseError,
  Burst,
  type Clock,
  GatehouseError,
  type Ledger,
  type Logger,
  type Random,
} from '../../kernel/index.ts';
import { CHANNEL_CODES } from '../codes.ts';
import { splitText } from '../prompt.ts';
import type { InboxRow, OutboxRow } from '../store.ts';
import { type ApprovalCommand, readCommand } from './command.ts';
import { noticePrefix, type QuestionRow, type QuestionStore } from './store.ts';
import { type Asked, answeredText, endedText, MAX_QUESTION, questionText, tooLongText } from './text.ts';
import type { ApprovalsPort, Approver } from './types.ts';

/** Wrong codes of one sender within `GUESS_WINDOW_MS` that end every code it has. */
export const MAX_GUESSES = 5;
const GUESS_WINDOW_MS = 3_600_000;
/** Milliseconds in which what a plan asks for is gathered into one message. */
const GATHER_MS = 250;
const CODE_LENGTH = 8;
/** 32 characters that nobody mistakes for one another, so that the low bits of a byte choose evenly: 40 bits a code. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export interface DeskParts {
  readonly store: QuestionStore;
  readonly approvals: ApprovalsPort;
  /** Whether this account can write to its sender at all. */
  readonly reaches: (channel: string, account: string) => boolean;
  /** Send what was stored. */
  readonly send: (row: OutboxRow) => void;
  readonly outgoing: (to: SenderKey, id: string, text: string) => OutboxRow;
  /** Characters of one message on the way out. */
  readonly maxMessage: number;
  readonly redact: (text: string) => string;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

/**
 * Approvals in chats (X5). A question goes to the direct chat of a sender that stands for a principal, in full, with a
 * code of its own that only this sender can use, once. What is answered takes the way of every other surface: the same
 * scopes, the same rules about who may answer, the same records.
 */
export class ApprovalDesk {
  readonly #parts: DeskParts;
  readonly #guesses = new Burst(MAX_GUESSES, GUESS_WINDOW_MS);
  readonly #unsubscribe: () => void;
  #looking: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.approvals.subscribe(() => this.#soon());
  }

  /** Take up what an earlier process left. */
  async resume(): Promise<void> {
    await this.#parts.store.forgetOld(this.#parts.clock.now());
    await this.look();
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#cancel?.();
  }

  /**
   * Ask everybody who has not been asked, and end what needs no answer any more. What is missing is found by looking,
   * not by what was heard, so that a crash at any step loses nothing and asks nobody twice.
   */
  look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => (this.#closed ? undefined : this.#look()))
      .catch((cause: unknown) => {
        if (this.#closed) return;
        this.#parts.logger.error('approvals could not be asked for in chats', { cause: String(cause) });
        this.#soon();
      });
    return this.#looking;
  }

  /** Whether this sender may be sent questions now. */
  async stands(principal: string): Promise<boolean> {
    const all = await this.#parts.approvals.approvers();
    return all.some((one) => principalOf(one) === principal);
  }

  /** Do what a message asks of approvals; the text for its sender. The message was let in by the channel's own rules. */
  async handle(row: InboxRow, trace: string): Promise<string> {
    try {
      if (row.chat_kind !== 'direct') throw CHANNEL_CODES.error('CHANNEL_APPROVAL_NOT_DIRECT');
      const approver = (await this.#parts.approvals.approvers()).find(
        (one) => one.channel === row.channel && one.account === row.account && one.sender === row.sender,
      );
      if (approver === undefined) throw CHANNEL_CODES.error('CHANNEL_APPROVER_UNKNOWN');
      const command = readCommand(row.text);
      if (command.kind === 'unclear') throw CHANNEL_CODES.error('CHANNEL_APPROVAL_UNCLEAR');
      if (command.kind === 'list') return await this.#askAgain(approver);
      return await this.#answer(row, approver, command, trace);
    } catch (thrown) {
      return this.#refused(row, thrown, trace);
    }
  }

  #soon(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    this.#cancel = this.#parts.setTimer(GATHER_MS, () => {
      this.#cancel = undefined;
      void this.look();
    });
  }

  async #look(): Promise<void> {
    const { store, approvals } = this.#parts;
    const approvers = await approvals.approvers();
    const pending = await approvals.pending();
    await this.#endOver(new Set(pending.map(({ id }) => id)));
    if (pending.length === 0) return;
    for (const approver of approvers) {
      const known = new Set((await store.of(approver)).flatMap(idsOf));
      const fresh = pending.filter(({ id }) => !known.has(id));
      await this.#ask(approver, await this.#concerning(approver, fresh));
    }
  }

  /** What this approver sees, has not answered, and could answer. */
  async #concerning(
    approver: Approver,
    records: readonly ApprovalRecord[],
  ): Promise<readonly ApprovalRecord[]> {
    const { agents, principal } = approver;
    const found: ApprovalRecord[] = [];
    for (const record of records) {
      const sees = agents.includes('*') || agents.includes(record.binding.agent);
      if (!sees || record.allowedBy.includes(principal)) continue;
      if (await this.#parts.approvals.mayAnswer(approver, record.id)) found.push(record);
    }
    return found;
  }

  async #ask(
    approver: Approver,
    records: readonly ApprovalRecord[],
    replaced: readonly string[] = [],
  ): Promise<void> {
    const { store, reaches, send } = this.#parts;
    if (!reaches(approver.channel, approver.account)) return;
    const groups = Map.groupBy(records, ({ id, batch }) => batch ?? id);
    for (const group of groups.values()) {
      const { questions, messages } = this.#questionOf(approver, group);
      await store.ask(questions, messages, replaced);
      for (const message of messages) send(message);
    }
  }

  #questionOf(approver: Approver, records: readonly ApprovalRecord[]) {
    const { random, redact } = this.#parts;
    const notice = random.uuid();
    const sorted = records.toSorted((a, b) => a.createdAt - b.createdAt);
    const asked: readonly Asked[] = sorted.map((record) => ({ record, code: this.#code() }));
    const together = asked.length > 1 ? this.#code() : undefined;
    const text = questionText(asked, together, redact);
    const isShown = text.length <= MAX_QUESTION;
    const rows = [
      ...asked.map(({ record, code }) => this.#row(approver, notice, code, [record], isShown)),
      ...(together === undefined ? [] : [this.#row(approver, notice, together, sorted, isShown)]),
    ];
    return {
      questions: rows,
      messages: this.#messages(approver, notice, isShown ? text : tooLongText(sorted)),
    };
  }

  #row(
    { channel, account, sender, principal }: Approver,
    notice: string,
    code: string,
    records: readonly ApprovalRecord[],
    isShown: boolean,
  ): QuestionRow {
    return {
      code: digestOf(code),
      approvals: JSON.stringify(records.map(({ id }) => id)),
      channel,
      account,
      sender,
      principal,
      notice,
      created_at: this.#parts.clock.now(),
      expires_at: Math.min(...records.map(({ expiresAt }) => expiresAt)),
      status: isShown ? 'open' : 'void',
      used_by: null,
    };
  }

  #messages(to: SenderKey, notice: string, text: string): readonly OutboxRow[] {
    const { outgoing, maxMessage } = this.#parts;
    // Room for the number of the part, so that nobody takes one for the whole.
    const pieces = splitText(text, maxMessage - 20);
    return pieces.map((piece, index) => {
      const part = pieces.length > 1 ? `(${index + 1} of ${pieces.length})\n` : '';
      // Ids sort as they are sent: a restart takes them up in this order.
      return outgoing(to, `${noticePrefix(notice)}${String(index).padStart(3, '0')}`, `${part}${piece}`);
    });
  }

  /** Questions whose approvals all have an end. Whoever did not give it is told, so that nobody looks for it. */
  async #endOver(pending: ReadonlySet<string>): Promise<void> {
    const { store, approvals, send } = this.#parts;
    const over = (await store.open()).filter((row) => !idsOf(row).some((id) => pending.has(id)));
    for (const row of over) {
      const ids = idsOf(row);
      const record = ids.length === 1 ? await approvals.get(ids[0] ?? '') : undefined;
      const tell = record !== undefined && record.resolvedBy !== row.principal;
      const messages = tell
        ? this.#messages(row, this.#parts.random.uuid(), endedText(record, this.#parts.redact))
        : [];
      await store.end([row.code], messages);
      for (const message of messages) send(message);
    }
  }

  /** Every question that waits, with new codes; the old ones end. */
  async #askAgain(approver: Approver): Promise<string> {
    const { store, approvals, reaches } = this.#parts;
    const waiting = await this.#concerning(approver, await approvals.pending());
    const old = (await store.of(approver)).filter(({ status }) => status === 'open');
    if (waiting.length === 0) {
      await store.end(codesOf(old), []);
      return 'Nothing waits for you.';
    }
    if (!reaches(approver.channel, approver.account)) return 'This channel cannot show them.';
    await this.#ask(approver, waiting, codesOf(old));
    return `${waiting.length} wait; they were asked again. Earlier codes do not count any more.`;
  }

  async #answer(
    row: InboxRow,
    approver: Approver,
    command: Extract<ApprovalCommand, { kind: 'answer' }>,
    trace: string,
  ): Promise<string> {
    const { store, clock, approvals, redact } = this.#parts;
    const digest = digestOf(command.code);
    const mine = await store.of(approver);
    const question = mine.find(({ code }) => code === digest);
    // A code of somebody else is as unknown here as one that was made up.
    if (question === undefined || question.principal !== approver.principal)
      return this.#guessed(approver, mine);
    const isRepeated = question.status === 'used' && question.used_by === row.id;
    if (question.status !== 'open' && !isRepeated) throw CHANNEL_CODES.error('CHANNEL_CODE_USED');
    if (question.expires_at <= clock.now() && !isRepeated) throw CHANNEL_CODES.error('CHANNEL_CODE_EXPIRED');
    const denies = command.answer.decision === 'deny';
    // A refusal needs no reading; leave to act does.
    if (!denies && !(await store.wasShown(question.notice)))
      throw CHANNEL_CODES.error('CHANNEL_CODE_NOT_SHOWN');
    if (!(await store.use(digest, row.id))) throw CHANNEL_CODES.error('CHANNEL_CODE_USED');
    const ids = idsOf(question);
    const said: string[] = [];
    for (const id of ids) {
      // Somebody else has answered, and this question is about to end: an answer now would only seem to count.
      if (!isRepeated && (await approvals.get(id))?.status !== 'pending') continue;
      try {
        said.push(answeredText(await approvals.answer(approver, id, command.answer, trace), redact));
      } catch (thrown) {
        if (ids.length === 1) throw thrown;
        said.push(notAnswered(asGatehouseError(thrown)));
      }
    }
    if (said.length > 0) return said.join('\n');
    if (ids.length === 1) throw CHANNEL_CODES.error('CHANNEL_CODE_USED');
    return 'All of them were answered already.';
  }

  async #guessed(approver: Approver, known: readonly QuestionRow[]): Promise<never> {
    const { alerts, clock, store } = this.#parts;
    const who = principalOf(approver);
    if (this.#guesses.add(who, clock.monotonic())) {
      const open = known.filter(({ status }) => status === 'open');
      await store.end(codesOf(open), []);
      alerts.raise({
        rule: 'approvals.guessing',
        code: 'CHANNEL_CODE_UNKNOWN',
        severity: 'high',
        title: `${MAX_GUESSES} wrong approval codes within an hour from ${who}; its codes do not count any more`,
        fix: 'Ask the person. If it was not them, `gatehouse senders block` and `gatehouse principal unbind`.',
        key: who,
        subject: { principal: who, channel: approver.channel, sender: approver.sender },
      });
    }
    throw CHANNEL_CODES.error('CHANNEL_CODE_UNKNOWN');
  }

  /** On the record, and back to whoever wrote; a failure of ours is tried again instead. */
  async #refused(row: InboxRow, thrown: unknown, trace: string): Promise<string> {
    if (!(thrown instanceof GatehouseError) || thrown.status >= 500) throw thrown;
    const { channel, account, sender } = row;
    await this.#parts.ledger.append({
      type: 'approval',
      action: 'approval.refused',
      outcome: 'deny',
      code: thrown.code,
      subject: { principal: principalOf(row), channel, sender },
      trace,
      data: { account, chat: row.chat_kind, chatId: row.chat_id, message: row.id },
    });
    return notAnswered(thrown);
  }

  #code(): string {
    return [...this.#parts.random.bytes(CODE_LENGTH)].map((byte) => ALPHABET.charAt(byte & 31)).join('');
  }
}

function notAnswered({ code, message, fix }: GatehouseError): string {
  return `Not done: ${message} (${code}). ${fix}`;
}

function principalOf({ channel, account, sender }: SenderKey): string {
  return `sender:${channel}:${account}:${sender}`;
}

function digestOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

function idsOf({ approvals }: Pick<QuestionRow, 'approvals'>): readonly string[] {
  const ids: unknown = JSON.parse(approvals);
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
}

function codesOf(rows: readonly QuestionRow[]): readonly string[] {
  return rows.map(({ code }) => code);
}
