import { join } from 'node:path';
import type { Kysely } from 'kysely';
import type { Clock, Ledger, Logger } from '../../kernel/index.ts';
import { REPAIR_CODES } from './codes.ts';
import { planRepairs } from './plan.ts';
import type { RepairTables } from './tables.ts';
import type {
  DoneStep,
  RepairPicture,
  RepairRecord,
  RepairStatus,
  RepairStep,
  RepairTools,
} from './types.ts';

/** Repairs that are kept in the history. */
const MAX_REPAIRS = 500;

export interface RepairParts {
  readonly db: Kysely<RepairTables>;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly tools: RepairTools;
  /** Folder for what is moved away. */
  readonly keep: string;
}

export interface RepairService {
  plan(): Promise<readonly RepairStep[]>;
  /** Undefined when there is nothing to do. @throws REPAIR_RUNNING */
  fix(by: { readonly author: string; readonly reason: string }): Promise<RepairRecord | undefined>;
  /** @throws REPAIR_UNKNOWN, REPAIR_UNDONE, REPAIR_RUNNING */
  undo(number: number, by: { readonly author: string; readonly reason: string }): Promise<RepairRecord>;
  /** Newest first. */
  history(): Promise<readonly RepairRecord[]>;
  /** Say what became of a repair that a killed process had begun. */
  recover(): Promise<readonly number[]>;
}

export function createRepairs(parts: RepairParts): RepairService {
  return new Repairs(parts);
}

class Repairs implements RepairService {
  readonly #parts: RepairParts;
  #isRunning = false;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  async plan(): Promise<readonly RepairStep[]> {
    return planRepairs(await this.#parts.tools.measure());
  }

  fix({
    author,
    reason,
  }: {
    readonly author: string;
    readonly reason: string;
  }): Promise<RepairRecord | undefined> {
    return this.#alone(async () => {
      const { tools, clock } = this.#parts;
      const plan = await this.plan();
      if (plan.length === 0) return undefined;
      const before = await tools.picture();
      const steps = plan.map((step): DoneStep => ({ step, status: 'planned', note: '' }));
      // Written down before the first of them, so that a killed process leaves a list of what it may have done.
      const number = await this.#insert({ at: clock.now(), author, reason, steps, before });
      await this.#record('repair.started', author, { number, steps: plan.length, reason });
      const done = await this.#each(number, steps, async ({ step }) => {
        const note = await tools.apply(step, this.#keepOf(number));
        return { step, status: 'done', note };
      });
      const status = done.every(({ status: one }) => one === 'done') ? 'done' : 'partly';
      return this.#finish(number, status, done, author, 'repair.done');
    });
  }

  undo(
    number: number,
    { author, reason }: { readonly author: string; readonly reason: string },
  ): Promise<RepairRecord> {
    return this.#alone(async () => {
      const known = await this.#get(number);
      if (known.status === 'undone') throw REPAIR_CODES.error('REPAIR_UNDONE');
      await this.#record('repair.undo-started', author, { number, reason });
      // The last change first, as with everything that is taken back.
      const undone = await this.#each(number, known.steps.toReversed(), async (one) => {
        if (one.status !== 'done') return one;
        const why = await this.#parts.tools.undo(one.step, this.#keepOf(number));
        return why === '' ? { ...one, status: 'undone', note: '' } : { ...one, status: 'kept', note: why };
      });
      return this.#finish(number, 'undone', undone.toReversed(), author, 'repair.undone');
    });
  }

  async history(): Promise<readonly RepairRecord[]> {
    const rows = await this.#parts.db.selectFrom('repairs').selectAll().orderBy('number', 'desc').execute();
    return rows.map(({ steps, before, after, status, ...row }) => ({
      ...row,
      status: status as RepairStatus,
      steps: JSON.parse(steps) as readonly DoneStep[],
      before: JSON.parse(before) as RepairPicture,
      after: after === null ? null : (JSON.parse(after) as RepairPicture),
    }));
  }

  async recover(): Promise<readonly number[]> {
    const cut = (await this.history()).filter(({ status }) => status === 'running');
    for (const { number, steps } of cut) {
      const known = steps.map(({ step, ...one }): DoneStep => {
        if (one.status !== 'planned') return { step, ...one };
        const isDone = this.#parts.tools.isDone(step);
        return { step, status: isDone ? 'done' : 'failed', note: 'the process ended in the middle' };
      });
      await this.#finish(number, 'cut-off', known, 'gatehouse', 'repair.cut-off');
      this.#parts.logger.warn('a repair was cut off when the process ended', { number });
    }
    return cut.map(({ number }) => number);
  }

  #keepOf(number: number): string {
    return join(this.#parts.keep, String(number));
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isRunning) throw REPAIR_CODES.error('REPAIR_RUNNING');
    this.#isRunning = true;
    try {
      return await work();
    } finally {
      this.#isRunning = false;
    }
  }

  /** One after the other; one that fails says why and the rest goes on. */
  async #each(
    number: number,
    steps: readonly DoneStep[],
    work: (step: DoneStep) => Promise<DoneStep>,
  ): Promise<readonly DoneStep[]> {
    const done: DoneStep[] = [];
    for (const step of steps) {
      try {
        done.push(await work(step));
      } catch (cause) {
        this.#parts.logger.warn('a step of a repair failed', { number, cause: String(cause) });
        const { code = 'REPAIR_STEP_FAILED' } = cause as NodeJS.ErrnoException;
        done.push({
          step: step.step,
          status: 'failed',
          note: `${code}: ${REPAIR_CODES.table.REPAIR_STEP_FAILED.summary}`,
        });
      }
    }
    return done;
  }

  async #insert(row: Pick<RepairRecord, 'at' | 'author' | 'reason' | 'steps' | 'before'>): Promise<number> {
    const { steps, before, ...rest } = row;
    const values = {
      ...rest,
      status: 'running',
      steps: JSON.stringify(steps),
      before: JSON.stringify(before),
    };
    const { db } = this.#parts;
    const { number } = await db
      .insertInto('repairs')
      .values(values)
      .returning('number')
      .executeTakeFirstOrThrow();
    await db
      .deleteFrom('repairs')
      .where('number', '<=', number - MAX_REPAIRS)
      .execute();
    return number;
  }

  async #finish(
    number: number,
    status: RepairStatus,
    steps: readonly DoneStep[],
    author: string,
    action: string,
  ): Promise<RepairRecord> {
    const after = await this.#parts.tools.picture();
    const values = { status, steps: JSON.stringify(steps), after: JSON.stringify(after) };
    await this.#parts.db.updateTable('repairs').set(values).where('number', '=', number).execute();
    const failed = steps.filter((step) => step.status === 'failed').length;
    const changed = steps.map(({ step, status: is }) => `${is} ${step.kind} ${step.path}`).slice(0, 50);
    await this.#record(action, author, { number, status, failed, changed });
    return this.#get(number);
  }

  async #record(action: string, author: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    const outcome = data['failed'] === undefined || data['failed'] === 0 ? 'success' : 'failure';
    await this.#parts.ledger.append({
      type: 'change',
      action,
      outcome,
      subject: { principal: author },
      data,
    });
  }

  async #get(number: number): Promise<RepairRecord> {
    const found = (await this.history()).find((repair) => repair.number === number);
    if (found === undefined) throw REPAIR_CODES.error('REPAIR_UNKNOWN');
    return found;
  }
}
