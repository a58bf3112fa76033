import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Alert,
  type Alerts,
  authorityOf,
  type Clock,
  type EgressIdentity,
  type Ledger,
  type LedgerEvent,
  type Rule,
  type Tripwire,
} from '../../../kernel/index.ts';
import {
  compileEgressRules,
  compileEgressTable,
  DEFAULT_EGRESS_LIMITS,
  type EgressLimits,
  type EgressPolicy,
  type EgressRuleSpec,
  Gate,
  type Interception,
  type Resolver,
  RunProxy,
} from '../index.ts';

/** Keeps what was recorded; `failing` makes every append reject, as a full disk would. */
export class MemoryLedger implements Ledger {
  readonly events: LedgerEvent[] = [];
  failing = false;
  readonly #waiting: {
    readonly wanted: (event: LedgerEvent) => boolean;
    resolve(event: LedgerEvent): void;
  }[] = [];

  append(event: LedgerEvent) {
    if (this.failing) return Promise.reject(new Error('disk full'));
    this.events.push(event);
    for (const waiter of this.#waiting) if (waiter.wanted(event)) waiter.resolve(event);
    return Promise.resolve({ writer: 'egress', seq: this.events.length, hash: '' });
  }

  /** The first event, past or future, that fits. */
  seen(wanted: (event: LedgerEvent) => boolean): Promise<LedgerEvent> {
    const found = this.events.find(wanted);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }

  refusal(code: string): Promise<LedgerEvent> {
    return this.seen((event) => event.code === code && event.action === 'net.connect');
  }
}

/** Nothing is planted. */
export const NO_TRIPWIRE: Tripwire = { trips: () => false, watch: () => undefined };

/** Keeps what was raised. */
export class KeptAlerts implements Alerts {
  readonly raised: Alert[] = [];
  raise(alert: Alert): void {
    this.raised.push(alert);
  }
}

export class TestClock implements Clock {
  offset = 0;
  now(): number {
    return Date.now() + this.offset;
  }
  monotonic(): number {
    return performance.now();
  }
}

export const IDENTITY: EgressIdentity = {
  principal: 'p1',
  agent: 'main',
  session: 's1',
  run: 'run-1',
  tool: 'shell',
};

export function policyOf(
  specs: readonly EgressRuleSpec[],
  more: readonly Rule[] = [],
  bounds: readonly EgressRuleSpec[] = [],
): EgressPolicy {
  const layer = { id: 'playbook:test', rules: [...compileEgressRules(specs), ...more] };
  return {
    authority: authorityOf(layer),
    table: compileEgressTable(specs),
    ...(bounds.length === 0 ? {} : { bounds: compileEgressTable(bounds) }),
  };
}

export function rule(host: string, port: number, more: Partial<EgressRuleSpec> = {}): EgressRuleSpec {
  return { id: `${host}:${port}`, host, port, class: 'other', ...more };
}

/** Answers from a table and counts what it was asked, so that a test can see that nothing was. */
export class TableResolver implements Resolver {
  readonly asked: string[] = [];
  readonly #table: Readonly<Record<string, readonly (readonly string[])[]>>;

  /** Each name's successive answers; the last one repeats. */
  constructor(table: Readonly<Record<string, readonly (readonly string[])[]>>) {
    this.#table = table;
  }

  resolve(host: string) {
    const answers = this.#table[host] ?? [[]];
    const turn = this.asked.filter((name) => name === host).length;
    this.asked.push(host);
    const answer = answers[Math.min(turn, answers.length - 1)] ?? [];
    return Promise.resolve(
      answer.map((address) => ({ address, family: address.includes(':') ? (6 as const) : (4 as const) })),
    );
  }
}

export interface ProxyOptions {
  readonly rules?: readonly EgressRuleSpec[];
  readonly resolver?: Resolver;
  readonly limits?: Partial<EgressLimits>;
  readonly isSelf?: (address: string, port: number) => boolean;
  readonly interception?: Interception;
  readonly identity?: EgressIdentity;
  /** Rules beside those of the destinations, as `secret.use`. */
  readonly more?: readonly Rule[];
  readonly bounds?: readonly EgressRuleSpec[];
  readonly tripwire?: Tripwire;
}

/** A run's proxy on a real socket, with everything a test looks at. */
export async function startRunProxy(options: ProxyOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gh-egress-'));
  const ledger = new MemoryLedger();
  const clock = new TestClock();
  let policy: EgressPolicy | undefined = policyOf(options.rules ?? [], options.more, options.bounds);
  const alerts = new KeptAlerts();
  const tripwire = options.tripwire ?? NO_TRIPWIRE;
  const gate = new Gate({
    ledger,
    alerts,
    tripwire,
    clock,
    resolver: options.resolver ?? new TableResolver({}),
    limits: () => ({ ...DEFAULT_EGRESS_LIMITS, ...options.limits }),
    isSelf: options.isSelf ?? (() => false),
  });
  const { interception, identity = IDENTITY } = options;
  const proxy = new RunProxy({
    gate,
    identity,
    policyOf: () => policy,
    ...(interception === undefined ? {} : { interception }),
  });
  const socketPath = join(folder, 'run.sock');
  await proxy.listen(socketPath);
  return {
    socketPath,
    ledger,
    alerts,
    clock,
    gate,
    proxy,
    setPolicy: (next: EgressPolicy | undefined) => {
      policy = next;
    },
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
