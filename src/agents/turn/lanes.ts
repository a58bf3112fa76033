import type { GatehouseError, Subject } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { Turn } from './turn.ts';

/** Turns that wait for one session. */
export const MAX_QUEUED = 8;

/** A turn that waits for its session, and how to start or drop it. */
export interface Queued {
  readonly runId: string;
  /** Who asked for it. */
  readonly subject: Subject;
  start(): void;
  drop(reason: GatehouseError): Promise<void>;
}

interface Lane {
  runId: string;
  /** Undefined between taking the session and the turn's first row. */
  turn: Turn | undefined;
  /** Why the turn ends as soon as it exists. */
  stopped: GatehouseError | undefined;
  readonly queue: Queued[];
}

/** One turn at a time for each session; the others wait in order. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /** Take the session for a run; false when somebody else has it. */
  take(lane: string, runId: string): boolean {
    if (this.#lanes.has(lane)) return false;
    this.#lanes.set(lane, { runId, turn: undefined, stopped: undefined, queue: [] });
    return true;
  }

  /** Wait for the session. Throws TURN_BUSY when the queue is full. */
  enqueue(lane: string, queued: Queued): void {
    const found = this.#lanes.get(lane);
    if (found === undefined || found.queue.length >= MAX_QUEUED) throw TURN_CODES.error('TURN_BUSY');
    found.queue.push(queued);
  }

  running(lane: string, turn: Turn): void {
    const found = this.#lanes.get(lane);
    if (found === undefined) return;
    found.turn = turn;
    if (found.stopped !== undefined) turn.stop(found.stopped);
  }

  /** Give the session to whoever waits next. */
  release(lane: string): void {
    const found = this.#lanes.get(lane);
    if (found === undefined) return;
    const next = found.queue.shift();
    if (next === undefined) {
      this.#lanes.delete(lane);
      return;
    }
    found.runId = next.runId;
    found.turn = undefined;
    found.stopped = undefined;
    next.start();
  }

  /** End the run that has the session; the run's id when there is one and it is the one meant. */
  stop(lane: string, reason: GatehouseError, runId?: string): string | undefined {
    const found = this.#lanes.get(lane);
    if (found === undefined || (runId !== undefined && found.runId !== runId)) return undefined;
    if (found.turn === undefined) found.stopped = reason;
    else found.turn.stop(reason);
    return found.runId;
  }

  turnOf(lane: string): Turn | undefined {
    return this.#lanes.get(lane)?.turn;
  }

  turns(): readonly Turn[] {
    return [...this.#lanes.values()].flatMap(({ turn }) => (turn === undefined ? [] : [turn]));
  }

  /** Take waiting runs out of the queue: all of them, or one. */
  withdraw(lane: string, runId?: string): readonly Queued[] {
    const queue = this.#lanes.get(lane)?.queue ?? [];
    const taken = queue.filter((item) => runId === undefined || item.runId === runId);
    for (const item of taken) queue.splice(queue.indexOf(item), 1);
    return taken;
  }

  withdrawOf(isMeant: (subject: Subject) => boolean): readonly Queued[] {
    const runs = [...this.#lanes].flatMap(([lane, { queue }]) =>
      queue.filter((item) => isMeant(item.subject)).map((item) => [lane, item.runId] as const),
    );
    return runs.flatMap(([lane, runId]) => this.withdraw(lane, runId));
  }

  withdrawAll(): readonly Queued[] {
    return [...this.#lanes.keys()].flatMap((lane) => this.withdraw(lane));
  }
}
