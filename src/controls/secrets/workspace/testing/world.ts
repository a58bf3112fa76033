import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createMasker, type Detector, type Masker } from '../../index.ts';
import type { MaskLimits } from '../limits.ts';

export interface World extends Disposable {
  readonly workspace: string;
  readonly folder: string;
  readonly masker: Masker;
  readonly replaced: string[][];
  write(name: string, content: string | Buffer): string;
  read(name: string): string;
  /** A masker of a new process over the same folder. */
  again(): Masker;
  /** `exchange`: as a command that may do what it likes gets it. */
  open(run?: string, exchange?: boolean): ReturnType<Masker['open']>;
  /** Host path of the copy that a run sees at this place. */
  seen(name: string, run?: string): string;
}

export function makeWorld(detector: Detector, limits: Partial<MaskLimits> = {}): World {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'gh-masks-')));
  const workspace = join(root, 'workspace');
  const folder = join(root, 'masks');
  mkdirSync(workspace);
  const replaced: string[][] = [];
  // Every look is a full one, so that no test depends on when the kernel tells of a change.
  let clock = 0;
  const made = () =>
    createMasker({
      folder,
      detector,
      limits,
      now: () => (clock += 60_000),
      onReplaced: (runs) => void replaced.push([...runs]),
    });
  const masker = made();
  const open = (run = 'a', exchange = false) =>
    masker.open(run, [{ source: workspace, target: '/workspace', mode: 'rw' }], { exchange });
  return {
    workspace,
    folder,
    masker,
    replaced,
    again: made,
    open,
    write(name, content) {
      const path = join(workspace, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
    read: (name) => readFileSync(join(workspace, name), 'latin1'),
    seen(name, run) {
      const found = open(run).masks.find(({ target }) => target === `/workspace/${name}`);
      assert.ok(found, `${name} is not masked`);
      return found.source;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Words of a command as a run with this workspace would do them; a run sees nothing but what lies there. */
export const sh = (w: World, script: string): string =>
  execFileSync('sh', ['-ec', script], {
    cwd: w.workspace,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: w.workspace,
      GIT_AUTHOR_NAME: 't',
      GIT_AUTHOR_EMAIL: 't@example.org',
      GIT_COMMITTER_NAME: 't',
      GIT_COMMITTER_EMAIL: 't@example.org',
    },
  });

/** Originals that were retained. */
export const removed = (w: World): readonly string[] => {
  const folder = join(w.folder, 'removed');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => readFileSync(join(folder, name, 'original'), 'latin1'));
};
