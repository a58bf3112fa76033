import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
  /** SHA-256 of the whole file as it was planted, in hex. */
  readonly whole: string;
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

/** Longer files were not planted by us. */
const MAX_BAIT_BYTES = 65_536;

export function wholeDigest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Whether a file is a planted one and nothing else than what was planted. Whatever is unclear is no bait. */
export function isBait(file: string, path: string): boolean {
  try {
    const planted = readPlanted(file)?.tokens.filter((token) => token.path === path) ?? [];
    if (planted.length === 0 || lstatSync(path).size > MAX_BAIT_BYTES) return false;
    const digest = wholeDigest(readFileSync(path));
    return planted.some(({ whole }) => whole === digest);
  } catch {
    return false;
  }
}

/** Written whole or not at all (attack 99). */
export function writePlanted(file: string, planted: Planted): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(planted)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
