import type { Problems } from './problems.ts';
import { GENESIS, recordHash, type Stored } from './record.ts';
import type { Retired } from './retention/retired.ts';

/** Records that are kept to find out whether they were moved; the rest of the damaged ones count as edited. */
const MAX_SUSPECTS = 64;
/** Gaps that are kept per writer to find what fills them out of order. */
const MAX_GAPS = 1000;

/** Positions in the array that a record's hash covers. */
const WRITER = 1;
const SEQ = 2;
const PREV = 4;

interface Gap {
  from: number;
  to: number;
}

interface Chain {
  seq: number;
  hash: string;
  /** The last record is damaged, so what follows it cannot be expected to name it. */
  damaged: boolean;
  readonly gaps: Gap[];
}

interface Place {
  readonly writer: string;
  readonly seq: number;
}

interface Suspect extends Place {
  readonly values: readonly Stored[];
  readonly hash: Stored;
}

/**
 * Follows the chains of all writers through the records in the order of writing. A record proves itself by its
 * hash, and the one before it by the hash that it names.
 */
export class ChainCheck {
  readonly #problems: Problems;
  readonly #chains = new Map<string, Chain>();
  readonly #suspects: Suspect[] = [];
  readonly #retired: Retired | undefined;
  #records = 0;

  constructor(problems: Problems, retired?: Retired) {
    this.#problems = problems;
    this.#retired = retired;
    for (const [writer, { seq, hash }] of retired?.beginnings() ?? []) this.begin(writer, seq, hash);
  }

  /** What comes before a place of this writer is not here: removed by policy, or not part of an excerpt. */
  begin(writer: string, seq: number, hash: string): void {
    this.#chains.set(writer, { seq, hash, damaged: false, gaps: [] });
  }

  get records(): number {
    return this.#records;
  }

  /** Where a writer's chain ended. */
  end(writer: string): { readonly seq: number; readonly hash: string } {
    return this.#chains.get(writer) ?? { seq: 0, hash: GENESIS };
  }

  ends(): readonly { readonly writer: string; readonly head: number; readonly hash: string }[] {
    const ends = [...this.#chains].map(([writer, { seq, hash }]) => ({ writer, head: seq, hash }));
    return ends.sort((a, b) => (a.writer < b.writer ? -1 : 1));
  }

  /** The next record: everything that its hash covers, and that hash. */
  add(values: readonly Stored[], hash: Stored): void {
    this.#records++;
    const writer = String(values[WRITER]);
    const seq = Number(values[SEQ]);
    const chain = this.#chain(writer);
    const redacted = this.#retired?.redacted(writer, seq, values, hash);
    if (redacted?.holds === false) {
      this.#problems.add('LEDGER_EDITED', writer, seq, 'what was left of it when it was redacted is changed');
    }
    if (redacted === undefined && recordHash(values) !== hash) {
      this.#suspect({ writer, seq, values, hash });
      if (seq === chain.seq + 1) this.#advance(chain, seq, String(hash), true);
      return;
    }
    if (seq <= chain.seq) {
      this.#problems.add('LEDGER_REORDERED', writer, seq, `stands after record ${chain.seq}`);
      fill(chain.gaps, seq);
      return;
    }
    const follows = seq === chain.seq + 1;
    if (!follows && chain.gaps.length < MAX_GAPS) chain.gaps.push({ from: chain.seq + 1, to: seq - 1 });
    if (follows && !chain.damaged && values[PREV] !== chain.hash) this.#replaced(writer, seq);
    this.#advance(chain, seq, String(hash), false);
  }

  /** A record that is there but cannot be read. */
  addUnreadable(writer: string, seq: number): void {
    this.#problems.add('LEDGER_UNREADABLE', writer, seq, 'its stored values are not those of a record');
    const chain = this.#chain(writer);
    if (seq === chain.seq + 1) this.#advance(chain, seq, '', true);
  }

  /** Name what is missing, and tell moved records from edited ones. */
  finish(): void {
    this.#retired?.finish();
    for (const [writer, { gaps }] of this.#chains) {
      for (const { from, to } of gaps) {
        const detail = from === to ? 'is not there' : `and all up to ${to} are not there`;
        this.#problems.add('LEDGER_MISSING', writer, from, detail);
      }
    }
    const places = this.#damagedPlaces();
    for (const suspect of this.#suspects) {
      const home = places.find((place) => belongsTo(suspect, place));
      if (home === undefined) this.#edited(suspect);
      else {
        const detail = `holds record ${home.seq} of ${home.writer}`;
        this.#problems.add('LEDGER_REORDERED', suspect.writer, suspect.seq, detail);
      }
    }
  }

  #chain(writer: string): Chain {
    const known = this.#chains.get(writer);
    if (known !== undefined) return known;
    const chain: Chain = { seq: 0, hash: GENESIS, damaged: false, gaps: [] };
    this.#chains.set(writer, chain);
    return chain;
  }

  #advance(chain: Chain, seq: number, hash: string, damaged: boolean): void {
    chain.seq = seq;
    chain.hash = hash;
    chain.damaged = damaged;
  }

  #replaced(writer: string, next: number): void {
    const detail = `record ${next} was written after another one`;
    this.#problems.add('LEDGER_EDITED', writer, Math.max(next - 1, 1), detail);
  }

  #suspect(suspect: Suspect): void {
    if (this.#suspects.length < MAX_SUSPECTS) this.#suspects.push(suspect);
    else this.#edited(suspect);
  }

  #edited({ writer, seq }: Place): void {
    this.#problems.add('LEDGER_EDITED', writer, seq, 'its content does not have its hash');
  }

  #damagedPlaces(): readonly Place[] {
    const gaps = [...this.#chains].flatMap(([writer, chain]) =>
      chain.gaps.slice(0, MAX_SUSPECTS).map(({ from }) => ({ writer, seq: from })),
    );
    return [...this.#suspects, ...gaps];
  }
}

/** Whether the record has its hash once it is put into that place. */
function belongsTo(suspect: Suspect, place: Place): boolean {
  const moved = [suspect.values[0] ?? null, place.writer, place.seq, ...suspect.values.slice(SEQ + 1)];
  return recordHash(moved) === suspect.hash;
}

/** A record that was missed has turned up. */
function fill(gaps: Gap[], seq: number): void {
  const index = gaps.findIndex(({ from, to }) => from <= seq && seq <= to);
  const gap = gaps[index];
  if (gap === undefined) return;
  const rest = [
    { from: gap.from, to: seq - 1 },
    { from: seq + 1, to: gap.to },
  ].filter(({ from, to }) => from <= to);
  gaps.splice(index, 1, ...rest);
}
