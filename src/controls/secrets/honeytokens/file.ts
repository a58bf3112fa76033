import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { HoneytokenKind } from './bait.ts';
import type { Print } from './windows.ts';

/** A planted credential, as far as it is kept: its value is in the place where it was planted and nowhere else. */
export interface Honeytoken {
  readonly id: string;
  readonly kind: HoneytokenKind;
  readonly agent: string;
  /** Absolute path on the host. */
  readonly path: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly by: string;
  readonly note: string;
  readonly prints: readonly Print[];
}

/** Everything that is planted in one install. */
export interface Planted {
  readonly version: 1;
  /** Key of the digests. */
  readonly key: string;
  readonly tokens: readonly Honeytoken[];
}

/** What is planted; undefined when nothing ever was. */
export function readPlanted(file: string): Planted | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  const planted = JSON.parse(text) as Planted;
  if (planted.version !== 1 || !Array.isArray(planted.tokens))
    throw new Error(`${file} is of another version`);
  return planted;
}

/** Written whole or not at all (attack 99). */
export function writePlanted(file: string, planted: Planted): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(planted)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
