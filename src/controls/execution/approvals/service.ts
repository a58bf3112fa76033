import type { Insertable } from 'kysely';
import type { Subject } from '../../../kernel/index.ts';
import { APPROVAL_CODES } from '../codes.ts';
import type {
  ApprovalAnswer,
  ApprovalBinding,
  ApprovalDecision,
  ApprovalEvent,
  ApprovalOutcome,
  ApprovalReach,
  ApprovalRecord,
  ApprovalRequest,
  ApprovalService,
  ApprovalStatus,
  StandingService,
} from '../types.ts';
import { displayCommand, displayLines } from '../visible.ts';
import { answerApproval, mayAnswer } from './answer.ts';
import { bindingHash, bindingText } from './binding.ts';
import { consumeApproval } from './consume.ts';
import { DueTimer, systemTimer } from './due-timer.ts';
import { ApprovalJournal } from './journal.ts';
import { type ApprovalParts, type ApprovalServiceOptions, lifetimeMs } from './parts.ts';
import { useStanding } from './standing.ts';
import { createStandings } from './standings.ts';
import { type ApprovalRow, ApprovalStore, recordOf } from './store.ts';
import type { ApprovalTable } from './tables.ts';
import { ApprovalWatchers, outcomeOf } from './watchers.ts';

/** Approvals of one session that wait at once; people who are asked too much stop reading (X6). */
export const MAX_PENDING_PER_SESSION = 20;
/** Records that one listing returns. */
export const MAX_LISTED_APPROVALS = 500;

const DEFAULT_LISTED = 100;

/** The service together with what its process does with it. */
export interface RunningApprovals extends ApprovalService, Disposable {
  /** End what is past its time and wait for what is due next. Called once at the start and then by the timer. */
  expireDue(): Promise<void>;
}

class Approvals implements RunningApprovals {
  readonly #parts: ApprovalParts;
  readonly #watchers = new ApprovalWatchers();
  readonly #standings: StandingService;
  readonly #timer: DueTimer;
  readonly #closed = new AbortController();

  constructor(options: ApprovalServiceOptions) {
    const store = new ApprovalStore(options.db);
    this.#parts = { options, store, journal: new ApprovalJournal(options.ledger) };
    this.#standings = createStandings(this.#parts);
    this.#timer = new DueTimer(options.setTimer ?? systemTimer, () => void this.#onDue());
  }

  [Symbol.dispose](): void {
    this.#timer.set(undefined);
    this.#closed.abort(APPROVAL_CODES.error('APPROVAL_CLOSED'));
  }

  async expireDue(): Promise<void> {
    const due = await this.#rearm();
    if (due === undefined || due > this.#now()) return;
    const rows = await this.#parts.store.expire(this.#now());
    for (const row of rows) await this.#ended('expired', row);
    await this.#rearm();
  }

  async request(request: ApprovalRequest): Promise<ApprovalRecord> {
    await this.expireDue();
    const { store, journal } = this.#parts;
    const hash = bindingHash(request.binding);
    const open = await store.findOpen(hash);
    if (open !== undefined) return recordOf(open);
    const { session } = request.binding;
    if ((await store.pendingOf(session)) >= MAX_PENDING_PER_SESSION) {
      throw await journal.refuse('APPROVAL_TOO_MANY', request.subject, { session });
    }
    const inserted = await store.insert(this.#newRow(request, hash));
    if (inserted === undefined) return this.request(request);
    try {
      await journal.record('requested', 'ask', inserted);
    } catch (error) {
      await store.move(inserted.id, 'pending', { status: 'cancelled', resolved_at: this.#now() });
      throw error;
    }
    await this.#rearm();
    this.#emit({ type: 'requested', record: recordOf(inserted) });
    return recordOf(inserted);
  }

  /** A fired signal ends the waiting as `cancelled` and leaves the approval as it is. */
  async wait(id: string, signal: AbortSignal): Promise<ApprovalOutcome> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const { promise, resolve, reject } = Promise.withResolvers<ApprovalOutcome>();
    const settle = (record: ApprovalRecord): void => {
      const outcome = record.id === id ? outcomeOf(record) : undefined;
      if (outcome !== undefined) resolve(outcome);
    };
    const stop = (): void => {
      if (this.#closed.signal.aborted) reject(APPROVAL_CODES.error('APPROVAL_CLOSED'));
      else resolve({ kind: 'cancelled', approvalId: id });
    };
    const unsubscribe = this.#watchers.subscribe(({ record }) => settle(record));
    ended.addEventListener('abort', stop, { once: true });
    try {
      const record = ended.aborted ? undefined : await this.get(id);
      if (ended.aborted) stop();
      else if (record === undefined) reject(APPROVAL_CODES.error('APPROVAL_NOT_FOUND'));
      else settle(record);
      return await promise;
    } finally {
      unsubscribe();
      ended.removeEventListener('abort', stop);
    }
  }

  async consume(id: string, binding: ApprovalBinding): Promise<void> {
    await this.expireDue();
    await consumeApproval(this.#parts, id, binding);
    await this.#rearm();
  }

  get standings(): StandingService {
    return this.#standings;
  }

  async standing(request: ApprovalRequest): Promise<ApprovalRecord | undefined> {
    await this.expireDue();
    const row = this.#newRow(request, bindingHash(request.binding));
    const record = await useStanding(this.#parts, request, row);
    if (record !== undefined) await this.#rearm();
    return record;
  }

  async resolveBatch(
    batch: string,
    answer: ApprovalDecision | ApprovalAnswer,
    approver: Subject,
  ): Promise<readonly ApprovalRecord[]> {
    await this.expireDue();
    const records: ApprovalRecord[] = [];
    for (const row of await this.#parts.store.pendingOfBatch(batch)) {
      records.push(await this.resolve(row.id, answer, approver));
    }
    return records;
  }

  async resolve(
    id: string,
    answer: ApprovalDecision | ApprovalAnswer,
    approver: Subject,
  ): Promise<ApprovalRecord> {
    await this.expireDue();
    const given = typeof answer === 'string' ? { decision: answer } : answer;
    const { record, first } = await answerApproval(this.#parts, id, given, approver);
    if (first) {
      await this.#rearm();
      this.#emit({ type: 'resolved', record });
    }
    return record;
  }

  async mayAnswer(id: string, approver: Subject): Promise<boolean> {
    const row = await this.#parts.store.find(id);
    return row !== undefined && mayAnswer(this.#parts, row, approver);
  }

  async get(id: string): Promise<ApprovalRecord | undefined> {
    await this.expireDue();
    const row = await this.#parts.store.find(id);
    return row === undefined ? undefined : recordOf(row);
  }

  async list(
    filter: { readonly status?: ApprovalStatus; readonly limit?: number } = {},
  ): Promise<readonly ApprovalRecord[]> {
    await this.expireDue();
    const limit = Math.min(Math.max(filter.limit ?? DEFAULT_LISTED, 0), MAX_LISTED_APPROVALS);
    return (await this.#parts.store.list(filter.status, limit)).map(recordOf);
  }

  async cancelForRun(run: string): Promise<void> {
    const rows = await this.#parts.store.cancelRun(run, this.#now());
    for (const row of rows) await this.#ended('cancelled', row);
    await this.#rearm();
  }

  subscribe(listener: (event: ApprovalEvent) => void): () => void {
    return this.#watchers.subscribe(listener);
  }

  #now(): number {
    return this.#parts.options.clock.now();
  }

  #newRow(request: ApprovalRequest, hash: string): Insertable<ApprovalTable> {
    const now = this.#now();
    return {
      id: this.#parts.options.random.uuid(),
      binding_hash: hash,
      binding: bindingText(request.binding),
      command_text: displayCommand(request.commandText),
      title: displayCommand(request.title),
      diff: request.diff === undefined ? null : displayLines(request.diff),
      reach: request.reach === undefined ? null : JSON.stringify(shownReach(request.reach)),
      batch: request.batch ?? null,
      people: Math.max(request.people ?? 1, this.#parts.options.people?.() ?? 1),
      commands: request.commands === undefined ? null : JSON.stringify(request.commands),
      reason: displayCommand(request.decision.reason),
      rule: request.decision.rule,
      subject: JSON.stringify(request.subject),
      session: request.binding.session,
      run: request.subject.run ?? null,
      status: 'pending',
      created_at: now,
      expires_at: now + lifetimeMs(this.#parts, request),
    };
  }

  /** The end stands even when its record cannot be written: nothing starts because of it. */
  async #ended(how: 'expired' | 'cancelled', row: ApprovalRow): Promise<void> {
    try {
      await this.#parts.journal.record(how, 'deny', row);
    } catch (error) {
      this.#parts.options.logger.error('the end of an approval could not be recorded', { error });
    }
    this.#emit({ type: 'resolved', record: recordOf(row) });
  }

  #emit(event: ApprovalEvent): void {
    for (const error of this.#watchers.emit(event)) {
      this.#parts.options.logger.error('a listener for approvals failed', { error });
    }
  }

  async #rearm(): Promise<number | undefined> {
    const due = await this.#parts.store.nextDue();
    const waits = due !== undefined && !this.#closed.signal.aborted;
    this.#timer.set(waits ? due - this.#now() : undefined);
    return due;
  }

  async #onDue(): Promise<void> {
    try {
      await this.expireDue();
    } catch (error) {
      this.#parts.options.logger.error('approvals that are due could not be ended', { error });
    }
  }
}

/** Names of files and hosts are as hostile as the command (attack 74). */
function shownReach({ hosts, network, reads, writes }: ApprovalReach): ApprovalReach {
  const shown = (names: readonly string[]) => names.map(displayCommand);
  return { hosts: shown(hosts), network, reads: shown(reads), writes: shown(writes) };
}

/**
 * Approvals over a store: durable before they are returned, one run each, recorded at every step. Call
 * `expireDue` once after a start, so that what expired meanwhile ends, and dispose of it before the store.
 */
export function createApprovalService(options: ApprovalServiceOptions): RunningApprovals {
  return new Approvals(options);
}
