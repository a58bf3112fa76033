import { withoutPlaceholders } from '../placeholder.ts';
import { loadKeptRules } from './kept-rules.ts';
import { knownFile } from './known-files.ts';
import { ownRules } from './own-rules.ts';
import { isProse } from './prose.ts';
import type { Credential, Detector } from './types.ts';

/** Characters that the rules see at once, and how much of them two neighbouring windows share. */
export const WINDOW_CHARS = 262_144;
const OVERLAP_CHARS = 40_000;

let loading: Promise<Detector> | undefined;
let loaded: Detector | undefined;

/** The one detector of a process, loaded at first use. */
export function loadDetector(): Promise<Detector> {
  loading ??= loadKeptRules().then((kept) => {
    loaded = {
      find(text, path = '') {
        if (path === '' && isProse(text)) return [];
        const file = knownFile(path);
        const inWindow = (part: string) => [
          ...kept(part, path === '' ? '/text' : path),
          ...ownRules(part, file?.settings ?? false),
          ...(file?.find(part) ?? []),
        ];
        return withoutPlaceholders(text, ordered(overWindows(text, inWindow)));
      },
    };
    return loaded;
  });
  return loading;
}

/** The detector if it was loaded already, for sinks that cannot wait. */
export function loadedDetector(): Detector | undefined {
  return loaded;
}

function overWindows(text: string, find: (part: string) => readonly Credential[]): readonly Credential[] {
  if (text.length <= WINDOW_CHARS) return find(text);
  const all: Credential[] = [];
  for (let from = 0; from < text.length; from += WINDOW_CHARS - OVERLAP_CHARS) {
    for (const { start, end, rule } of find(text.slice(from, from + WINDOW_CHARS)))
      all.push({ start: start + from, end: end + from, rule });
  }
  return all;
}

/** In order and joined: what two rules find in one place is one credential, as long as both together. */
function ordered(found: readonly Credential[]): readonly Credential[] {
  const sorted = found
    .filter(({ start, end }) => end > start)
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const joined: Credential[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && next.start < last.end) {
      if (next.end > last.end) joined[joined.length - 1] = { ...last, end: next.end };
    } else joined.push(next);
  }
  return joined;
}
