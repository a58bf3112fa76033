import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { PinnedImage } from './options.ts';

/** What `sandbox setup` built last, by backend. */
export type ImageRecord = PinnedImage & {
  readonly suite: string;
  readonly packages: readonly string[];
  /** ISO 8601. */
  readonly builtAt: string;
};

const BY_CONTENT = /^(?:[a-z0-9][a-zA-Z0-9._:/-]*@)?sha256:[0-9a-f]{64}$/;

function records(file: string): Readonly<Record<string, ImageRecord>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, ImageRecord>;
  } catch {
    return {};
  }
}

/** The record of a backend; undefined when nothing was built. */
export function recordedImage(file: string, backend: string): ImageRecord | undefined {
  const found = Object.hasOwn(records(file), backend) ? records(file)[backend] : undefined;
  return found !== undefined && BY_CONTENT.test(found.id) ? found : undefined;
}

/** Written whole or not at all. */
export function recordImage(file: string, backend: string, record: ImageRecord): void {
  const next = { ...records(file), [backend]: record };
  writeFileSync(`${file}.new`, `${JSON.stringify(next, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/**
 * The image for a run by its content: the recorded one, or what names itself by a digest. A plain name counts only
 * when it is the recorded one's, because an engine would take whatever has that name today.
 */
export function pinnedImage(
  file: string,
  backend: string,
  wanted: string | undefined,
): PinnedImage | undefined {
  const recorded = recordedImage(file, backend);
  if (wanted === undefined || wanted === recorded?.name) return recorded;
  return BY_CONTENT.test(wanted) ? { name: wanted, id: wanted } : undefined;
}
