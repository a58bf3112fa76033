import type { Kysely } from 'kysely';
import { type Alerts, type Clock, type Grant, type Ledger, type Random } from '../../kernel/index.ts';
import { GRANT_CODES } from './codes.ts';
import { Deadlines } from './deadlines.ts';
import { describeMs, grantDigest, grantProblem, grantTrace, type JudgeValue, judgeRequest } from './rules.ts';
import { GrantStore } from './store.ts';
import type { GrantTables } from './tables.ts';
import { type GrantPolicy, type GrantRecord, type GrantRequest, kernelGrants } from './types.ts';

/** Grants that may be in force or wait at once. */
export const MAX_OPEN_GRANTS = 200;
/** A request that nobody answers lapses after this time. */
export const REQUEST_MS = 24 * 3_600_000;
/** Longest wait between two looks: another process may have changed something, and what is left is kept. */
const LOOK_MS = 30_000;

export interface GrantParts {
  readonly db: Kysely<GrantTables>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly policy: () => GrantPolicy;
  /** Loaded when there is a grant to judge. */
  readonly judge: () => Promise<JudgeValue>;
  /** Call `run` once after so many milliseconds; returns how to take it back. */
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

export interface GrantService {
  /** @throws GRANT_* */
  add(request: GrantRequest, by: string): Promise<GrantRecord>;
  /** Short, loud and without a second person. @throws GRANT_* */
  breakglass(request: GrantRequest, by: string): Promise<GrantRecord>;
  /** Whether a person could be asked for it: it is exact, and grantPolicy would allow it. @throws GRANT_* */
  judge(request: GrantRequest): Promise<void>;
  /** Put in force what an agent asked for and a person allowed by answering an approval (E8). @throws GRANT_* */
  allowed(request: GrantRequest, asked: string, by: string): Promise<GrantRecord>;
  /** @throws GRANT_UNKNOWN, GRANT_SAME_PERSON */
  approve(id: string, by: string): Promise<GrantRecord>;
  /** End a grant, or take a request back. @throws GRANT_UNKNOWN */
  revoke(id: string, by: string): Promise<GrantRecord>;
  /** Newest first; ended ones only when asked for. */
  list(ended?: boolean): Promise<readonly GrantRecord[]>;
  /** @throws GRANT_UNKNOWN */
  show(id: string): Promise<GrantRecord>;
  /** What the kernel widens layers by, now. */
  current(): readonly Grant[];
  /** Called after every change of `current`; returns how to stop. */
  onChange(listener: (grants: readonly Grant[]) => void): () => void;
  /** Read what is in force, and end by itself what is over from now on. */
  start(): Promise<void>;
  close(): void;
}

export function createGrantService(parts: GrantParts): GrantService {
  return new Grants(parts);
}

class Grants implements GrantService {
  readonly #parts: GrantParts;
  readonly #store: GrantStore;
  readonly #deadlines: Deadlines;
  readonly #listeners = new Set<(grants: readonly Grant[]) => void>();
  #active: readonly GrantRecord[] = [];
  #key = '';
  #cancel: (() => void) | undefined;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: GrantParts) {
    this.#parts = parts;
    this.#store = new GrantStore(parts.db);
    this.#deadlines = new Deadlines(parts.clock);
  }

  add(request: GrantRequest, by: string): Promise<GrantRecord> {
    return this.#inTurn(() => this.#make(request, by, false));
  }

  breakglass(request: GrantRequest, by: string): Promise<GrantRecord> {
    return this.#inTurn(() => this.#make(request, by, true));
  }

  async judge(request: GrantRequest): Promise<void> {
    const { policy, judge } = this.#parts;
    judgeRequest(request, policy(), await judge(), false);
  }

  allowed(request: GrantRequest, asked: string, by: string): Promise<GrantRecord> {
    return this.#inTurn(() => this.#make(request, asked, false, by));
  }

  approve(id: string, by: string): Promise<GrantRecord> {
    return this.#inTurn(async () => {
      const waiting = await this.#store.get(id);
      if (waiting?.status !== 'waiting' || this.#deadlines.left(waiting) <= 0) {
        throw GRANT_CODES.error('GRANT_UNKNOWN', 'no grant of this id waits');
      }
      if (waiting.requestedBy === by) throw GRANT_CODES.error('GRANT_SAME_PERSON');
      const now = this.#parts.clock.now();
      const { durationMs } = waiting;
      const times = { createdAt: now, expiresAt: now + durationMs, remainingMs: durationMs };
      const record: GrantRecord = { ...waiting, ...times, status: 'active', approvedBy: by };
      judgeRequest(record, this.#parts.policy(), await this.#parts.judge(), false);
      await this.#record('grant.approved', record, by);
      this.#deadlines.forget(new Set(this.#active.map((one) => one.id)));
      if (!(await this.#store.activate(record))) throw GRANT_CODES.error('GRANT_UNKNOWN');
      await this.#look();
      return record;
    });
  }

  revoke(id: string, by: string): Promise<GrantRecord> {
    return this.#inTurn(async () => {
      const record = await this.#store.get(id);
      if (record === undefined || record.status === 'ended') throw GRANT_CODES.error('GRANT_UNKNOWN');
      const at = this.#parts.clock.now();
      // Taking away comes first: a full disk must not keep anything open.
      await this.#store.end(id, by, at);
      await this.#look();
      const ended: GrantRecord = { ...record, status: 'ended', endedAt: at, endedBy: by, remainingMs: 0 };
      await this.#record('grant.revoked', ended, by).catch(() => undefined);
      return ended;
    });
  }

  list(ended = false): Promise<readonly GrantRecord[]> {
    return ended ? this.#store.list('waiting', 'active', 'ended') : this.#store.list('waiting', 'active');
  }

  async show(id: string): Promise<GrantRecord> {
    const record = await this.#store.get(id);
    if (record === undefined) throw GRANT_CODES.error('GRANT_UNKNOWN');
    return record;
  }

  current(): readonly Grant[] {
    return this.#active.flatMap(kernelGrants);
  }

  onChange(listener: (grants: readonly Grant[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #make(
    request: GrantRequest,
    by: string,
    breakglass: boolean,
    approvedBy: string | null = null,
  ): Promise<GrantRecord> {
    const { clock, random, policy, judge, alerts } = this.#parts;
    const judged = judgeRequest(request, policy(), await judge(), breakglass);
    if ((await this.#store.list('waiting', 'active')).length >= MAX_OPEN_GRANTS) {
      throw GRANT_CODES.error('GRANT_LIMIT');
    }
    const waits = policy().twoPersons && !breakglass && approvedBy === null;
    const now = clock.now();
    const time = waits ? REQUEST_MS : judged.durationMs;
    const { durationMs, ...wanted } = judged;
    const record: GrantRecord = {
      ...wanted,
      id: `g-${Buffer.from(random.bytes(6)).toString('hex')}`,
      status: waits ? 'waiting' : 'active',
      breakglass,
      requestedBy: by,
      approvedBy,
      createdAt: now,
      expiresAt: now + time,
      remainingMs: time,
      durationMs,
      endedAt: null,
      endedBy: null,
    };
    const action = waits ? 'grant.requested' : approvedBy === null ? 'grant.added' : 'grant.approved';
    await this.#record(action, record, approvedBy ?? by);
    await this.#store.insert(record);
    await this.#look();
    if (breakglass) {
      const { code, fix } = GRANT_CODES.error('GRANT_BREAKGLASS');
      const title = `${by} opened ${described(record)} in an emergency for ${describeMs(durationMs)}: ${record.reason}`;
      alerts.raise({ rule: 'grant.breakglass', code, severity: 'critical', title, fix, key: record.id });
    }
    return record;
  }

  /** @throws GRANT_NOT_RECORDED: what cannot be written down is not granted (attack 98) */
  async #record(action: string, record: GrantRecord, by: string): Promise<void> {
    const { id, kind, match, layers, subject, owner, ticket, reason, breakglass, expiresAt } = record;
    try {
      await this.#parts.ledger.append({
        type: 'change',
        action,
        outcome: 'success',
        rule: `grant:${id}`,
        subject: { ...subject, principal: by },
        trace: grantTrace(id),
        data: {
          digest: grantDigest(record),
          kind,
          match,
          layers,
          owner,
          ticket,
          reason,
          breakglass,
          expiresAt,
        },
      });
    } catch (cause) {
      throw GRANT_CODES.error('GRANT_NOT_RECORDED', undefined, { cause });
    }
  }

  /** Read what is in force, end what is over, keep how much is left, and wait for the next end. */
  async #look(): Promise<void> {
    if (this.#closed) return;
    const open = await this.#store.list('active', 'waiting');
    const judge = open.length === 0 ? undefined : await this.#parts.judge();
    const inForce: GrantRecord[] = [];
    let next = LOOK_MS;
    for (const record of open) {
      const left = this.#deadlines.left(record);
      if (left <= 0) {
        await this.#end(record);
        continue;
      }
      next = Math.min(next, left);
      if (left < record.remainingMs - LOOK_MS / 2)
        await this.#store.keepRemaining(record.id, Math.ceil(left));
      if (record.status === 'active' && judge !== undefined && this.#holds(record, judge))
        inForce.push(record);
    }
    this.#deadlines.forget(new Set(open.map(({ id }) => id)));
    this.#apply(inForce);
    this.#cancel?.();
    if (open.length > 0 && !this.#closed) this.#cancel = this.#parts.setTimer(next, () => this.#again());
  }

  #again(): void {
    this.#inTurn(() => this.#look()).catch(() => {
      // The database did not answer: what is in force ends by the kernel's own comparison, and this tries again.
      if (!this.#closed) this.#cancel = this.#parts.setTimer(LOOK_MS, () => this.#again());
    });
  }

  #holds(record: GrantRecord, judge: JudgeValue): boolean {
    const problem = grantProblem(record, this.#parts.policy(), judge);
    if (problem === undefined) return true;
    const { code, fix } = GRANT_CODES.error('GRANT_NOT_HONOURED');
    const title = `the grant ${record.id} is not honoured: ${problem}`;
    this.#parts.alerts.raise({ rule: 'grant.not-honoured', code, severity: 'high', title, fix });
    return false;
  }

  #apply(inForce: readonly GrantRecord[]): void {
    const key = inForce.map(({ id }) => id).join();
    this.#active = inForce;
    if (key === this.#key) return;
    this.#key = key;
    const grants = this.current();
    for (const listener of this.#listeners) listener(grants);
  }

  async #end(record: GrantRecord): Promise<void> {
    const at = this.#parts.clock.now();
    if (!(await this.#store.end(record.id, 'expiry', at))) return;
    const waited = record.status === 'waiting';
    await this.#record(
      waited ? 'grant.lapsed' : 'grant.ended',
      { ...record, status: 'ended' },
      'expiry',
    ).catch(() => undefined);
    const { code, fix } = GRANT_CODES.error('GRANT_ENDED');
    const what = waited ? 'the request for' : 'the grant of';
    const title = `${what} ${described(record)} (${record.ticket}) has ended`;
    const { id, subject } = record;
    this.#parts.alerts.raise({
      rule: 'grant.ended',
      code,
      severity: record.breakglass ? 'high' : 'warning',
      title,
      fix,
      key: id,
      data: { grant: id, ...subject },
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** What a grant opens, in one line. */
export function described({ kind, match, subject }: Pick<GrantRecord, 'kind' | 'match' | 'subject'>): string {
  const what =
    kind === 'net.connect'
      ? `${(match['host'] ?? []).join(',')}:${(match['port'] ?? []).join(',')}`
      : Object.values(match)
          .map((values) => values.join(', '))
          .join(' ');
  const whom = subject.agent === undefined ? '' : ` for ${subject.agent}`;
  return `${kind} ${what}${whom}${subject.session === undefined ? '' : ` in one session`}`;
}
