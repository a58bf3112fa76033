import { statSync } from 'node:fs';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import {
  type AnchorLine,
  extendAnchor,
  MAX_ANCHOR_LINE_BYTES,
  parseAnchorLine,
  readAnchor,
} from '../anchor.ts';
import {
  checkpointsAfter,
  parseCheckpoint,
  type SignedCheckpoint,
  type StoredCheckpoint,
} from '../checkpoint.ts';
import { LEDGER_CODES } from '../codes.ts';
import type { AnchorTarget } from './types.ts';

/** One place that keeps checkpoints. */
export interface Keeper {
  /** Bring it up to date; returns the number of the newest checkpoint there. */
  extend(raw: DatabaseSync): Promise<number>;
  /** Everything that it keeps. */
  read(): AsyncIterable<AnchorLine>;
}

const PER_FOLDER = 1_000;
const PER_REQUEST = 100;
const WORD = 12;

function numbered(number: number): string {
  return String(number).padStart(WORD, '0');
}

/** A file that only grows, on other storage. */
function fileKeeper(path: string): Keeper {
  return {
    async extend(raw) {
      await extendAnchor(path, raw);
      return newestId(raw);
    },
    async *read() {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      yield* readAnchor(path, size);
    },
  };
}

/**
 * One file per checkpoint, made once and never written again: what append-only mounts, write-once media and object lock
 * allow.
 */
function folderKeeper(path: string): Keeper {
  const last = async (folder: string): Promise<string | undefined> =>
    (await readdir(folder).catch(() => []))
      .filter((name) => /^\d{12}/.test(name))
      .sort()
      .at(-1);
  const newest = async (): Promise<number> => {
    const folder = await last(path);
    const file = folder === undefined ? undefined : await last(join(path, folder));
    return Number(file?.slice(0, WORD) ?? 0);
  };
  return {
    async extend(raw) {
      let id = await newest();
      for (;;) {
        const page = checkpointsAfter(raw, id, PER_REQUEST);
        if (page.length === 0) return id;
        for (const checkpoint of page) {
          const folder = join(path, numbered(Math.floor(checkpoint.id / PER_FOLDER)));
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await create(join(folder, `${numbered(checkpoint.id)}.json`), checkpoint);
          id = checkpoint.id;
        }
      }
    },
    async *read() {
      let line = 0;
      for (const folder of (await readdir(path).catch(() => [])).sort()) {
        for (const name of (await readdir(join(path, folder)).catch(() => [])).sort()) {
          line++;
          const text = await readBounded(join(path, folder, name));
          // What a crash cut off was never told to be kept.
          if (text !== '') yield { line, signed: parseAnchorLine(text.trimEnd()) };
        }
      }
    },
  };
}

async function create(path: string, { payload, keyId, signature }: StoredCheckpoint): Promise<void> {
  const file = await open(path, 'wx', 0o400);
  try {
    await file.writeFile(`${JSON.stringify({ payload, keyId, signature })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readBounded(path: string): Promise<string> {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= MAX_ANCHOR_LINE_BYTES)
    return readFile(path, 'utf8');
  return 'too long';
}

type InstanceTarget = Extract<AnchorTarget, { readonly kind: 'gatehouse' }>;

/** Calls an operation of the other instance. */
export type CallInstance = (target: InstanceTarget, id: string, input: unknown) => Promise<unknown>;

interface Kept {
  readonly checkpoints: readonly (SignedCheckpoint & { readonly id: number })[];
}

/** Another Gatehouse, over its API and a token that may do nothing else. */
function instanceKeeper(target: InstanceTarget, call: CallInstance): Keeper {
  const newest = async (): Promise<number> =>
    ((await call(target, 'anchor.list', { newest: true })) as Kept).checkpoints.at(-1)?.id ?? 0;
  return {
    async extend(raw) {
      let id = await newest();
      for (;;) {
        const page = checkpointsAfter(raw, id, PER_REQUEST);
        const last = page.at(-1);
        if (last === undefined) return id;
        const checkpoints = page.map(({ payload, keyId, signature }) => ({ payload, keyId, signature }));
        await call(target, 'anchor.keep', { checkpoints });
        id = last.id;
      }
    },
    async *read() {
      let after = 0;
      let line = 0;
      for (;;) {
        const { checkpoints } = (await call(target, 'anchor.list', { after })) as Kept;
        for (const signed of checkpoints) {
          line++;
          yield { line, signed: parseCheckpoint(signed.payload) === undefined ? undefined : signed };
        }
        const last = checkpoints.at(-1);
        if (last === undefined || last.id <= after) return;
        after = last.id;
      }
    },
  };
}

function newestId(raw: DatabaseSync): number {
  return Number(raw.prepare('SELECT max(id) AS id FROM checkpoints').get()?.['id'] ?? 0);
}

export function keeperOf(target: AnchorTarget, call: CallInstance | undefined): Keeper {
  switch (target.kind) {
    case 'file':
      return fileKeeper(target.path);
    case 'folder':
      return folderKeeper(target.path);
    case 'gatehouse':
      if (call === undefined) throw LEDGER_CODES.error('LEDGER_ANCHOR_FAILED');
      return instanceKeeper(target, call);
  }
}
