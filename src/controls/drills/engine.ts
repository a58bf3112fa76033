import {
  type Alert,
  asGatehouseError,
  type Drill,
  type DrillMark,
  type DrillRange,
  NotApplicable,
  SetupFailed,
} from '../../kernel/index.ts';
import { DRILL_CODES } from './codes.ts';
import { Evidence } from './evidence.ts';
import { alertFacts, elapsed, judgeAttempt, tells } from './judge.ts';
import { resultEvent, startEvent, summaryEvent } from './record.ts';
import { controlOf, selectDrills } from './select.ts';
import type {
  AttemptResult,
  DrillOrder,
  DrillParts,
  DrillReport,
  DrillResult,
  DrillSession,
  Leftover,
} from './types.ts';

/** Milliseconds that the record and the alert of an attempt may take before they count as missing. */
export const EVIDENCE_MS = 3_000;
/** Milliseconds that one drill may take. */
export const DRILL_MS = 90_000;
/** Drills of one control run one after another; so many controls at once. */
const CONTROLS_AT_ONCE = 3;
/** Attempts made together while an alert is waited for, and at most. */
const BATCH = 10;
const MOST_TRIES = 60;

interface Running<Range extends DrillRange> {
  readonly run: string;
  readonly order: DrillOrder;
  readonly session: DrillSession<Range>;
  readonly evidence: Evidence;
  readonly marks: Marks;
}

/** Each mark of a run, with further names of what it makes. */
type Marks = Map<DrillMark, Set<string>>;

/**
 * Runs drills against the install that it is part of. A drill passes only when it was refused with a listed code, the
 * ledger says so, and whoever must be told was told; what it made is gone afterwards, and an honest caller is served.
 */
export class DrillEngine<Range extends DrillRange> {
  readonly #parts: DrillParts<Range>;
  #isBusy = false;

  constructor(parts: DrillParts<Range>) {
    this.#parts = parts;
  }

  /** @throws DRILL_UNKNOWN, DRILL_BUSY */
  async run(order: DrillOrder): Promise<DrillReport> {
    const drills = selectDrills(this.#parts.drills, order.names);
    if (this.#isBusy) throw DRILL_CODES.error('DRILL_BUSY');
    this.#isBusy = true;
    try {
      return await this.#runAll(drills, order);
    } finally {
      this.#isBusy = false;
    }
  }

  /** Remove what an earlier process could not; returns what it was. */
  async cleanUp(): Promise<readonly Leftover[]> {
    const { ledger, logger } = this.#parts;
    const found = await this.#parts.leftovers.list();
    if (found.length === 0) return [];
    const problems: string[] = [];
    for (const leftover of found) problems.push(...(await this.#remove(leftover)));
    const outcome = problems.length === 0 ? 'success' : 'failure';
    logger.warn('drills were cut off; what they had made was removed', { found, problems });
    await ledger.append({ type: 'drill', action: 'drill.cleaned-up', outcome, data: { found, problems } });
    return found;
  }

  async #runAll(drills: readonly Drill<Range>[], order: DrillOrder): Promise<DrillReport> {
    const { clock, random, ledger, alerts } = this.#parts;
    const run = `r${hex(random.bytes(5))}`;
    const startedAt = clock.now();
    const started = clock.monotonic();
    await this.cleanUp();
    await ledger.append(
      startEvent(
        run,
        order,
        drills.map(({ id }) => id),
      ),
    );
    const evidence = new Evidence({ ledger, alerts, clock });
    const marks: Marks = new Map();
    const unlabel = alerts.label((alert) => (provoked(alert, marks) ? run : undefined));
    let session: DrillSession<Range> | undefined;
    try {
      session = await this.#parts.open();
      const results = await this.#runGroups(drills, { run, order, session, evidence, marks });
      const report = reportOf(results, {
        run,
        order,
        startedAt,
        durationMs: elapsed(started, clock.monotonic()),
      });
      await ledger.append(summaryEvent(order, report));
      this.#tell(report);
      return report;
    } finally {
      unlabel();
      evidence.close();
      await session?.close();
    }
  }

  async #runGroups(
    drills: readonly Drill<Range>[],
    running: Running<Range>,
  ): Promise<readonly DrillResult[]> {
    const groups = Object.values(Object.groupBy(drills, ({ id }) => controlOf(id))).map(
      (group) => group ?? [],
    );
    const results = new Map<string, DrillResult>();
    const worker = async () => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        for (const drill of group) {
          if (running.order.signal?.aborted === true) return;
          const result = await this.#runOne(drill, running);
          results.set(drill.id, result);
          await this.#parts.ledger.append(resultEvent(running.run, running.order, result));
          running.order.onResult?.(result);
        }
      }
    };
    await Promise.all(Array.from({ length: CONTROLS_AT_ONCE }, worker));
    return drills.map(
      ({ id, title }) => results.get(id) ?? blank(id, title, 'failed', 'stopped before it ran'),
    );
  }

  async #runOne(drill: Drill<Range>, running: Running<Range>): Promise<DrillResult> {
    const { clock } = this.#parts;
    const own: Leftover[] = [];
    const returns: (() => void)[] = [];
    const stop = new AbortController();
    const range = this.#rangeOf(drill, running, { own, returns, signal: stop.signal });
    let attempts: readonly AttemptResult[] = [];
    let why = '';
    let status: DrillResult['status'] = 'passed';
    let recoveredAt: number | undefined;
    let ended = clock.monotonic();
    try {
      const made = await inTime(drill.run(range), DRILL_MS);
      ended = clock.monotonic();
      recoveredAt = made.map((attempt) => attempt.recoveredAt).find((at) => at !== undefined);
      const ms = this.#parts.evidenceMs ?? EVIDENCE_MS;
      attempts = await Promise.all(made.map((attempt) => judgeAttempt(drill, attempt, running.evidence, ms)));
      why =
        attempts.length === 0 ? 'it tried nothing' : attempts.flatMap(({ problems }) => problems).join('; ');
      if (why !== '') status = 'failed';
    } catch (thrown) {
      status = thrown instanceof NotApplicable ? 'not-applicable' : 'failed';
      why = thrown instanceof NotApplicable ? thrown.message : this.#failureOf(drill, thrown);
    } finally {
      stop.abort();
    }
    const problems = await this.#restore(own, returns, running.session);
    if (problems.length > 0) status = 'failed';
    why = [why, ...problems].filter((part) => part !== '').join('; ');
    // Where nothing is meant to follow, whoever tried is told at once, and nobody else is.
    const isSilent = typeof drill.event !== 'string' && 'none' in drill.alert;
    const times = isSilent ? [] : attempts.map(({ event, alert }) => alert?.ms ?? event?.ms);
    return {
      drill: drill.id,
      title: drill.title,
      status,
      why,
      attempts,
      noEvent: typeof drill.event === 'string' ? '' : drill.event.none,
      noAlert: 'none' in drill.alert ? drill.alert.none : '',
      detectMs: times.length > 0 && times.every((ms) => ms !== undefined) ? Math.max(...times) : null,
      recoverMs: status === 'not-applicable' ? null : elapsed(ended, recoveredAt ?? clock.monotonic()),
    };
  }

  #rangeOf(
    drill: Drill<Range>,
    { run, order, session, evidence, marks }: Running<Range>,
    made: { readonly own: Leftover[]; readonly returns: (() => void)[]; readonly signal: AbortSignal },
  ): Range {
    const { random, leftovers } = this.#parts;
    return session.range({
      run,
      drill: drill.id,
      caller: order.caller,
      signal: made.signal,
      mark: () => {
        const id = `d${hex(random.bytes(5))}`;
        const address = `127.${[...random.bytes(3)].map((byte) => 100 + (byte % 150)).join('.')}`;
        made.returns.push(session.lend(address));
        const mark = { id, address, userAgent: `gatehouse-drill/${id}` };
        marks.set(mark, new Set());
        return mark;
      },
      willMake: async (kind, ref) => {
        const leftover = { run, drill: drill.id, kind, ref };
        await leftovers.add(leftover);
        made.own.push(leftover);
      },
      untilAlert: async (mark, again, { names = [], most = MOST_TRIES } = {}) => {
        const { alert: wanted } = drill;
        if (!('rule' in wanted)) return;
        for (const name of names) marks.get(mark)?.add(name);
        const isIt = (alert: Alert) => alert.rule === wanted.rule && tells(alertFacts(alert), mark, names);
        for (let tries = 0; tries < most; tries += BATCH) {
          if (made.signal.aborted || (await evidence.alert(isIt, 0)) !== undefined) return;
          await Promise.all(Array.from({ length: BATCH }, again));
        }
      },
    });
  }

  /** Take away what the drill made, also when it failed, and see that others are served as before. */
  async #restore(
    own: readonly Leftover[],
    returns: readonly (() => void)[],
    session: DrillSession<Range>,
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const leftover of own.toReversed()) problems.push(...(await this.#remove(leftover)));
    for (const giveBack of returns) giveBack();
    try {
      await session.healthy();
    } catch (thrown) {
      problems.push(`afterwards an honest request was not answered: ${asGatehouseError(thrown).message}`);
    }
    return problems;
  }

  async #remove(leftover: Leftover): Promise<readonly string[]> {
    const { removers, leftovers, logger } = this.#parts;
    const { kind, ref } = leftover;
    try {
      const remove = removers[kind];
      if (remove === undefined) throw DRILL_CODES.error('DRILL_SETUP_FAILED', `nothing removes a ${kind}`);
      await remove(ref);
      await leftovers.remove(leftover);
      return [];
    } catch (cause) {
      logger.error('what a drill made could not be removed', { kind, ref, cause: String(cause) });
      return [`the ${kind} ${ref} could not be removed`];
    }
  }

  #failureOf({ id }: Drill<Range>, thrown: unknown): string {
    this.#parts.logger.error('a drill could not set its scene', {
      drill: id,
      cause: thrown instanceof Error ? thrown.stack : String(thrown),
    });
    if (thrown instanceof SetupFailed) return `it could not be carried out: ${thrown.message}`;
    const { code, message } = asGatehouseError(thrown);
    return `it could not be carried out: ${message} (${code})`;
  }

  #tell({ results, run }: DrillReport): void {
    const { code, fix } = DRILL_CODES.error('DRILL_FAILED');
    for (const { drill, status, why } of results) {
      if (status !== 'failed') continue;
      const title = `the drill ${drill} failed: ${why}`;
      this.#parts.alerts.raise({
        rule: 'drill.failed',
        code,
        severity: 'high',
        title,
        fix,
        key: drill,
        data: { drill, run },
      });
    }
  }
}

function provoked(alert: Alert, marks: Marks): boolean {
  const facts = alertFacts(alert);
  return [...marks].some(([mark, names]) => tells(facts, mark, names));
}

function blank(drill: string, title: string, status: DrillResult['status'], why: string): DrillResult {
  return {
    drill,
    title,
    status,
    why,
    attempts: [],
    noEvent: '',
    noAlert: '',
    detectMs: null,
    recoverMs: null,
  };
}

function reportOf(
  results: readonly DrillResult[],
  {
    run,
    order,
    startedAt,
    durationMs,
  }: { run: string; order: DrillOrder; startedAt: number; durationMs: number },
): DrillReport {
  const count = (status: DrillResult['status']) =>
    results.filter((result) => result.status === status).length;
  const [passed, failed, notApplicable] = [count('passed'), count('failed'), count('not-applicable')];
  const { subject, scheduled } = order;
  const ok = failed === 0 && passed > 0;
  return {
    run,
    startedAt,
    durationMs,
    by: subject.principal,
    scheduled,
    passed,
    failed,
    notApplicable,
    ok,
    results,
  };
}

function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(DRILL_CODES.error('DRILL_SETUP_FAILED', `it did not end within ${ms / 1_000} s`)),
    ms,
  );
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
