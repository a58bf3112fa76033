import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Clock, Ledger, Random } from '../../../kernel/index.ts';
import { SECRETS_CODES } from '../codes.ts';
import { type HoneytokenKind, makeBait, USUAL_PLACE } from './bait.ts';
import { type Honeytoken, type Planted, readPlanted, wholeDigest, writePlanted } from './file.ts';
import type { HoneytokenTripwire } from './tripwire.ts';
import { codingsOf, printOf } from './windows.ts';

/** Planted at once in one install. */
export const MAX_HONEYTOKENS = 500;

export interface PlantRequest {
  readonly kind: HoneytokenKind;
  readonly agent: string;
  /** The agent's workspace; nothing is ever written outside of it. */
  readonly workspace: string;
  /** Relative to the workspace; the usual place of its kind when absent. */
  readonly path?: string;
  readonly note?: string;
  readonly by: string;
}

export type HoneytokenRecord = Omit<Honeytoken, 'prints' | 'whole'>;
export type HoneytokenState = HoneytokenRecord & { readonly state: 'in place' | 'changed' | 'gone' };

export interface HoneytokenService {
  /** @throws HONEYTOKEN_PATH, HONEYTOKEN_EXISTS, HONEYTOKEN_LIMIT */
  plant(request: PlantRequest): Promise<HoneytokenRecord>;
  list(): readonly HoneytokenRecord[];
  /** Each with whether its file is still what was planted. */
  check(): readonly HoneytokenState[];
  /** Take it away, and its file if that is still what was planted. @throws HONEYTOKEN_UNKNOWN */
  remove(id: string, by: string): Promise<HoneytokenRecord>;
}

export interface HoneytokenParts {
  readonly file: string;
  readonly tripwire: HoneytokenTripwire;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  /** A text like Gatehouse's own tokens, which opens nothing. */
  mint(): string;
  /** Tell egress that something was planted or taken away. */
  onChanged(): Promise<void>;
}

const MAX_BAIT_BYTES = 65_536;

function recordOf({ prints: _prints, whole: _whole, ...record }: Honeytoken): HoneytokenRecord {
  return record;
}

/** Plants credentials that nobody has a use for, so that whoever uses one is known (K4). */
export function createHoneytokens(parts: HoneytokenParts): HoneytokenService {
  const { file, tripwire, clock, random, ledger } = parts;
  const current = (): Planted =>
    readPlanted(file) ?? { version: 1, key: randomBytes(32).toString('hex'), tokens: [] };

  async function keep(planted: Planted): Promise<void> {
    writePlanted(file, planted);
    tripwire.load(planted);
    await parts.onChanged();
  }

  function contentOf(path: string): Buffer | undefined {
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        return readFileSync(fd).subarray(0, MAX_BAIT_BYTES);
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined;
    }
  }

  function stateOf(token: Honeytoken): HoneytokenState['state'] {
    const content = contentOf(token.path);
    if (content === undefined) return 'gone';
    return tripwire.find(content).includes(token.id) ? 'in place' : 'changed';
  }

  return {
    list: () => current().tokens.map(recordOf),
    check: () => current().tokens.map((token) => ({ ...recordOf(token), state: stateOf(token) })),
    async plant({ kind, agent, workspace, path = USUAL_PLACE[kind], note = '', by }) {
      const planted = current();
      if (planted.tokens.length >= MAX_HONEYTOKENS) throw SECRETS_CODES.error('HONEYTOKEN_LIMIT');
      const place = placeIn(workspace, path);
      const { content, pieces } = makeBait(kind, random, parts.mint);
      const prints = pieces.flatMap(codingsOf).map((piece) => printOf(planted.key, piece));
      const id = `h${Buffer.from(random.bytes(5)).toString('hex')}`;
      const whole = wholeDigest(Buffer.from(content));
      const token: Honeytoken = { id, kind, agent, path: place, at: clock.now(), by, note, prints, whole };
      // Known before it lies there: nobody can use it unseen in between.
      await keep({ ...planted, tokens: [...planted.tokens, token] });
      try {
        writeBait(place, content);
      } catch (thrown) {
        await keep(planted);
        throw thrown;
      }
      await ledger.append({
        type: 'change',
        action: 'honeytoken.planted',
        outcome: 'success',
        data: { honeytoken: id, kind, agent, path: place, by },
      });
      return recordOf(token);
    },
    async remove(id, by) {
      const planted = current();
      const token = planted.tokens.find((one) => one.id === id);
      if (token === undefined) throw SECRETS_CODES.error('HONEYTOKEN_UNKNOWN');
      if (stateOf(token) === 'in place') rmSync(token.path, { force: true });
      await keep({ ...planted, tokens: planted.tokens.filter((one) => one.id !== id) });
      await ledger.append({
        type: 'change',
        action: 'honeytoken.removed',
        outcome: 'success',
        data: { honeytoken: id, kind: token.kind, agent: token.agent, path: token.path, by },
      });
      return recordOf(token);
    },
  };
}

/** The absolute place inside the workspace; no link on the way leads out of it (attack 65). */
function placeIn(workspace: string, path: string): string {
  const refuse = (why: string) => SECRETS_CODES.error('HONEYTOKEN_PATH', why);
  if (
    path === '' ||
    path.length > 1_000 ||
    isAbsolute(path) ||
    normalize(path) !== path ||
    path.includes('\0')
  ) {
    throw refuse('the path is relative to the workspace and in its plain form');
  }
  const names = path.split('/');
  if (names.includes('..') || names.includes('.')) throw refuse('the path leaves the workspace');
  mkdirSync(workspace, { recursive: true, mode: 0o700 });
  let folder = realpathSync(workspace);
  for (const name of names.slice(0, -1)) {
    folder = join(folder, name);
    const facts = lstatSync(folder, { throwIfNoEntry: false });
    if (facts === undefined) mkdirSync(folder, { mode: 0o700 });
    else if (!facts.isDirectory()) throw refuse('a link or a file stands where a folder should be');
  }
  return join(folder, names.at(-1) ?? '');
}

function writeBait(path: string, content: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw SECRETS_CODES.error(exists ? 'HONEYTOKEN_EXISTS' : 'HONEYTOKEN_PATH', undefined, {
      cause,
      details: { folder: dirname(path) },
    });
  }
  try {
    writeSync(fd, content);
  } finally {
    closeSync(fd);
  }
}
