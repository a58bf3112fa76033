import type { Alerts, Clock, Ledger, LedgerEvent } from '../../kernel/index.ts';

/** Milliseconds in which repeats of one refusal are counted instead of recorded one by one. */
export const DENIAL_WINDOW_MS = 60_000;
/** Different refusals of one principal that are counted apart; what it adds to them is one count for all. */
export const MAX_DENIALS_PER_PRINCIPAL = 50;
/** Different refusals counted apart over all principals, and principals that are counted beyond them. */
export const MAX_DENIALS = 2_000;
export const MAX_OVERFLOWING = 1_000;
/** Codes told apart in the count for all. */
const MAX_CODES = 20;
/** Repeats after which a count is written before its window ends, so that a crash loses few; then ten times as many. */
const FIRST_INTERIM = 100;
/** Refusals of one principal within a window that a person is told of (A9). */
export const DENIED_SPIKE = 20;

export interface Denials {
  /**
   * Record a refusal of somebody who proved who it is. The first of its kind is on disk when this resolves; repeats
   * within the window are counted and written as one record with the times of the first and the last.
   *
   * @throws what the ledger throws for the first one
   */
  record(event: LedgerEvent): Promise<void>;
  /** Write all counts now. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface DenialParts {
  readonly ledger: Pick<Ledger, 'append'>;
  readonly clock: Clock;
  /** Calls back once after so many milliseconds; returns how to take it back. */
  readonly setTimer: (ms: number, run: () => void) => () => void;
  readonly alerts?: Alerts;
  readonly onLost: (cause: unknown) => void;
}

interface Repeats {
  readonly event: LedgerEvent;
  count: number;
  /** Unix milliseconds. */
  firstAt: number;
  lastAt: number;
  lastTrace: string | undefined;
  interim: number;
}

interface Overflow {
  count: number;
  readonly firstAt: number;
  lastAt: number;
  readonly codes: Map<string, number>;
}

interface OfPrincipal {
  keys: number;
  total: number;
}

/** Principals beyond the bound share this name, which no principal can have. */
const OTHERS = '*';

/** Keeps a flood of refused calls from becoming a flood of records, and loses no fact of it (attack 94). */
export function createDenials(parts: DenialParts): Denials {
  const { ledger, clock, setTimer, alerts, onLost } = parts;
  const kinds = new Map<string, Repeats>();
  const principals = new Map<string, OfPrincipal>();
  const overflow = new Map<string, Overflow>();
  let cancel: (() => void) | undefined;

  function summaryOf({ event, count, firstAt, lastAt, lastTrace }: Repeats): LedgerEvent {
    const { trace: _first, ...rest } = event;
    const more = lastTrace === undefined ? {} : { lastTrace };
    return { ...rest, data: { ...event.data, repeats: count, firstAt, lastAt, ...more } };
  }

  function overflowOf([principal, { count, firstAt, lastAt, codes }]: [string, Overflow]): LedgerEvent {
    return {
      type: 'decision',
      action: 'operation.call',
      outcome: 'deny',
      subject: { principal },
      data: { repeats: count, firstAt, lastAt, various: true, codes: Object.fromEntries(codes) },
    };
  }

  async function write(events: readonly LedgerEvent[]): Promise<void> {
    await Promise.all(events.map((event) => ledger.append(event).catch(onLost)));
  }

  async function flush(): Promise<void> {
    cancel?.();
    cancel = undefined;
    const counted = [...kinds.values()].filter(({ count }) => count > 0).map(summaryOf);
    const beyond = [...overflow].map(overflowOf);
    kinds.clear();
    principals.clear();
    overflow.clear();
    await write([...counted, ...beyond]);
  }

  function repeat(known: Repeats, event: LedgerEvent): void {
    const now = clock.now();
    if (known.count === 0) known.firstAt = now;
    known.count += 1;
    known.lastAt = now;
    known.lastTrace = event.trace;
    if (known.count < known.interim) return;
    void write([summaryOf(known)]);
    known.count = 0;
    known.interim *= 10;
  }

  function overflowed(event: LedgerEvent, principal: string): void {
    const name = overflow.size < MAX_OVERFLOWING || overflow.has(principal) ? principal : OTHERS;
    const now = clock.now();
    const known = overflow.get(name) ?? {
      count: 0,
      firstAt: now,
      lastAt: now,
      codes: new Map<string, number>(),
    };
    overflow.set(name, known);
    known.count += 1;
    known.lastAt = now;
    const code = event.code ?? '';
    if (known.codes.has(code) || known.codes.size < MAX_CODES)
      known.codes.set(code, (known.codes.get(code) ?? 0) + 1);
  }

  function spike(event: LedgerEvent, principal: string): void {
    alerts?.raise({
      rule: 'auth.denied-spike',
      code: event.code ?? 'AUTH_SCOPE_MISSING',
      severity: 'high',
      title: `${DENIED_SPIKE} calls of ${principal} were refused within a minute`,
      fix:
        'Ask whose credential it is: gatehouse ledger tail --principal shows what it tries. If nobody knows, ' +
        'gatehouse token revoke or gatehouse principal disable ends it.',
      key: principal,
      ...(event.subject === undefined ? {} : { subject: event.subject }),
      data: { ...event.data },
    });
  }

  return {
    async record(event) {
      const principal = event.subject?.principal ?? '';
      cancel ??= setTimer(DENIAL_WINDOW_MS, () => void flush());
      const mine = principals.get(principal) ?? { keys: 0, total: 0 };
      if (principals.size < MAX_DENIALS) principals.set(principal, mine);
      mine.total += 1;
      if (mine.total === DENIED_SPIKE) spike(event, principal);
      const key = keyOf(event);
      const known = kinds.get(key);
      if (known !== undefined) return repeat(known, event);
      if (kinds.size >= MAX_DENIALS || mine.keys >= MAX_DENIALS_PER_PRINCIPAL)
        return overflowed(event, principal);
      const now = clock.now();
      mine.keys += 1;
      kinds.set(key, {
        event,
        count: 0,
        firstAt: now,
        lastAt: now,
        lastTrace: undefined,
        interim: FIRST_INTERIM,
      });
      try {
        await ledger.append(event);
      } catch (cause) {
        // Nothing of it is on disk, so the next one is the first again.
        kinds.delete(key);
        mine.keys -= 1;
        throw cause;
      }
    },
    flush,
    async close() {
      await flush();
    },
  };
}

/** What makes two refusals the same to an auditor. */
function keyOf({ action, code, rule, subject, data }: LedgerEvent): string {
  const { principal, credential, agent } = subject ?? {};
  return JSON.stringify([
    principal,
    credential,
    agent,
    action,
    data?.['operation'],
    data?.['surface'],
    code,
    rule,
  ]);
}
