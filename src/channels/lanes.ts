/** What works at once: a bounded number of tasks; the others wait in order. */
class Room {
  readonly #most: number;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async run(task: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running += 1;
    try {
      await task();
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }
}

/** Which room a lane is in. Turns may wait for a person; answers and what goes out never wait for turns. */
export type LaneKind = 'in' | 'answer' | 'out';

/** One after the other within a lane; lanes side by side, but not more of a kind than there is room for. */
export class ChannelLanes {
  readonly #rooms: Readonly<Record<LaneKind, Room>>;
  readonly #tails = new Map<string, Promise<void>>();
  readonly #stopped: AbortSignal;

  constructor(most: number, stopped: AbortSignal) {
    this.#rooms = { in: new Room(most), answer: new Room(most), out: new Room(most) };
    this.#stopped = stopped;
  }

  add(kind: LaneKind, key: string, task: () => Promise<void>): void {
    const lane = `${kind} ${key}`;
    const before = this.#tails.get(lane) ?? Promise.resolve();
    const next = before.then(() =>
      this.#rooms[kind].run(async () => {
        if (!this.#stopped.aborted) await task();
      }),
    );
    this.#tails.set(lane, next);
    void next.finally(() => {
      if (this.#tails.get(lane) === next) this.#tails.delete(lane);
    });
  }
}
