import type { Alert, Drill, DrillAttempt, DrillRange, LedgerEvent } from '../../../kernel/index.ts';
import { DrillEngine } from '../engine.ts';
import type { DrillRecord, Leftover, RangeContext } from '../types.ts';

interface Outside {
  append(event: LedgerEvent): void;
  raise(alert: Alert): void;
}

/** A range that records and alerts as a control would. */
export type TestRange = DrillRange & Outside & { make(ref: string): Promise<void> };

export function drill(id: string, run: Drill<TestRange>['run']): Drill<TestRange> {
  return {
    id,
    title: 'a hostile host',
    requirements: ['D6'],
    attacks: [77],
    codes: ['A_REFUSED'],
    rule: 'a/rule',
    event: 'login.refused',
    alert: { rule: 'auth.spike' },
    run,
  };
}

interface How {
  readonly refusal?: boolean;
  readonly code?: string;
  readonly event?: boolean;
  readonly alert?: boolean;
  /** Record and alert name another address. */
  readonly elsewhere?: boolean;
  readonly sideEffects?: readonly string[];
}

/** A drill's body against a control that does this. */
export function refused(how: How = {}): Drill<TestRange>['run'] {
  const {
    refusal = true,
    code = 'A_REFUSED',
    event = true,
    alert = true,
    elsewhere = false,
    sideEffects = [],
  } = how;
  return async (range): Promise<readonly DrillAttempt[]> => {
    const mark = range.mark();
    const at = range.now();
    const address = elsewhere ? '127.0.0.1' : mark.address;
    if (event)
      range.append({ type: 'login', action: 'login.refused', outcome: 'failure', code, data: { address } });
    if (alert)
      range.raise({
        rule: 'auth.spike',
        code,
        severity: 'high',
        title: `20 from ${address}`,
        fix: 'look',
        data: { address },
      });
    return [{ tried: 'knocked', mark, at, refusal: refusal ? { code } : undefined, sideEffects }];
  };
}

/** An engine over parts in memory. */
export function world(drills: readonly Drill<TestRange>[]) {
  const events: LedgerEvent[] = [];
  const alerts: Alert[] = [];
  const labels = new Set<(alert: Alert) => string | undefined>();
  const told: { readonly rule: string; readonly label: string | undefined }[] = [];
  const records = new Set<(record: DrillRecord) => void>();
  const listeners = new Set<(alert: Alert) => void>();
  const stored: Leftover[] = [];
  const removed: string[] = [];
  const lent = new Set<string>();
  const everLent = new Set<string>();
  let stuck: string | undefined;
  let isHealthy = true;

  const append = async (event: LedgerEvent) => {
    events.push(event);
    for (const listener of records) listener({ ...event, writer: 'test', seq: events.length, at: 1 });
    return { writer: 'test', seq: events.length, hash: '' };
  };
  const raise = (alert: Alert) => {
    alerts.push(alert);
    told.push({
      rule: alert.rule,
      label: [...labels].map((of) => of(alert)).find((run) => run !== undefined),
    });
    for (const listener of listeners) listener(alert);
  };
  const engine = new DrillEngine<TestRange>({
    drills,
    open: async () => ({
      lend(address) {
        lent.add(address);
        everLent.add(address);
        return () => void lent.delete(address);
      },
      range: ({ willMake, ...context }: RangeContext) =>
        ({
          ...context,
          now: () => performance.now(),
          append: (event: LedgerEvent) => void append(event),
          raise,
          make: (ref: string) => willMake('thing', ref),
        }) as unknown as TestRange,
      healthy: async () => {
        if (!isHealthy) throw new Error('no answer');
      },
      close: async () => undefined,
    }),
    removers: {
      thing: async (ref) => {
        if (ref === stuck) throw new Error('stuck');
        removed.push(ref);
      },
    },
    leftovers: {
      add: async (leftover) => void stored.push(leftover),
      list: async () => [...stored],
      remove: async ({ ref }) =>
        void stored.splice(
          stored.findIndex((one) => one.ref === ref),
          1,
        ),
    },
    ledger: {
      append,
      query: async () => [],
      onAppend(listener) {
        records.add(listener);
        return () => void records.delete(listener);
      },
    },
    alerts: {
      raise,
      subscribe(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      label(of) {
        labels.add(of);
        return () => void labels.delete(of);
      },
    },
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    random: {
      bytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
      uuid: () => crypto.randomUUID(),
    },
    logger: { info() {}, warn() {}, error() {} },
    evidenceMs: 60,
  });
  return {
    engine,
    events,
    alerts,
    stored,
    removed,
    lent,
    everLent,
    labelOf: (rule: string) => told.filter((one) => one.rule === rule).map(({ label }) => label),
    stick: (ref: string | undefined) => void (stuck = ref),
    breakHealth: () => void (isHealthy = false),
  };
}
