import type { Clock } from '../../kernel/index.ts';
import type { EgressCode } from './codes.ts';
import type { EgressLimits } from './types.ts';

const DAY_MS = 86_400_000;
/** Agents whose use is remembered; configuration has far fewer. */
const MAX_AGENTS = 10_000;

/** What several runs use together: open connections, and bytes of the day in UTC. */
class Usage {
  connections = 0;
  #day = 0;
  #bytes = 0;

  bytesOn(day: number): number {
    return this.#day === day ? this.#bytes : 0;
  }

  move(bytes: number, day: number): void {
    // A clock that was set back does not give the day's bytes again (attack 99).
    if (day > this.#day) {
      this.#day = day;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }

  get day(): number {
    return this.#day;
  }
}

/** The use of all agents, each on its own and together (E9). */
export class UsageBook {
  readonly #clock: Clock;
  readonly #limits: () => EgressLimits;
  readonly #agents = new Map<string, Usage>();
  readonly #total = new Usage();

  constructor(clock: Clock, limits: () => EgressLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The meter of one run of an agent, which may move no more than its allowance, if it has one. */
  run(agent: string, allowance?: number): RunMeter {
    return new RunMeter(this.#limits, this, agent, allowance);
  }

  /** Whether the agent may open one more connection. */
  mayConnect(agent: string): boolean {
    return this.#of(agent).connections < this.#limits().connectionsPerAgent;
  }

  connect(agent: string): () => void {
    const usage = this.#of(agent);
    usage.connections += 1;
    return () => {
      usage.connections -= 1;
    };
  }

  /** Count what earlier processes of this home have moved today, so that a restart gives nothing back. */
  seed(agent: string, bytes: number, at: number): void {
    this.#count(agent, bytes, Math.floor(at / DAY_MS));
  }

  /** Count bytes; false when the agent, or all together, may not move any more today. */
  move(agent: string, bytes: number): boolean {
    this.#count(agent, bytes, Math.floor(this.#clock.now() / DAY_MS));
    return !this.exhausted(agent);
  }

  exhausted(agent: string): boolean {
    const { bytesPerAgentDay, bytesPerDay } = this.#limits();
    const usage = this.#of(agent);
    const day = Math.max(Math.floor(this.#clock.now() / DAY_MS), this.#total.day);
    return usage.bytesOn(day) > bytesPerAgentDay || this.#total.bytesOn(day) > bytesPerDay;
  }

  #count(agent: string, bytes: number, today: number): void {
    const day = Math.max(today, this.#total.day);
    this.#of(agent).move(bytes, day);
    this.#total.move(bytes, day);
  }

  #of(agent: string): Usage {
    let usage = this.#agents.get(agent);
    if (usage === undefined) {
      usage = new Usage();
      if (this.#agents.size < MAX_AGENTS) this.#agents.set(agent, usage);
    }
    return usage;
  }
}

/** What one run has used (E9). */
export class RunMeter {
  readonly #limits: () => EgressLimits;
  readonly #book: UsageBook;
  readonly #agent: string;
  readonly #allowance: number;
  #requests = 0;
  #connections = 0;
  #bytes = 0;

  constructor(
    limits: () => EgressLimits,
    book: UsageBook,
    agent: string,
    allowance = Number.POSITIVE_INFINITY,
  ) {
    this.#allowance = allowance;
    this.#limits = limits;
    this.#book = book;
    this.#agent = agent;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Whether anything was sent or received. */
  get moved(): boolean {
    return this.#bytes > 0;
  }

  /** Both directions. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Count one request or tunnel, refused ones included. `first` is true for the first one past the limit. */
  request(): { readonly allowed: boolean; readonly first: boolean } {
    this.#requests += 1;
    const over = this.#requests - this.#limits().requestsPerRun;
    return { allowed: over <= 0, first: over === 1 };
  }

  /** Why no further connection may be opened; undefined when one may. */
  refusal(): EgressCode | undefined {
    if (this.#connections >= this.#limits().connectionsPerRun || !this.#book.mayConnect(this.#agent)) {
      return 'EGRESS_LIMIT_CONNECTIONS';
    }
    if (this.#bytes > this.#allowance) return 'EGRESS_LIMIT_BUDGET';
    return this.#book.exhausted(this.#agent) ? 'EGRESS_LIMIT_DAY' : undefined;
  }

  /** Count one open connection; the returned function gives it back, once. */
  connect(): () => void {
    this.#connections += 1;
    const release = this.#book.connect(this.#agent);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#connections -= 1;
      release();
    };
  }

  /** Count bytes in either direction; false when nothing more may move, for the reason in `over`. */
  move(bytes: number): boolean {
    this.#bytes += bytes;
    const today = this.#book.move(this.#agent, bytes);
    return today && this.#bytes <= Math.min(this.#limits().bytesPerRun, this.#allowance);
  }

  /** The limit that a failed `move` ran into. */
  get over(): EgressCode {
    if (this.#bytes > this.#limits().bytesPerRun) return 'EGRESS_LIMIT_BYTES';
    return this.#bytes > this.#allowance ? 'EGRESS_LIMIT_BUDGET' : 'EGRESS_LIMIT_DAY';
  }
}
