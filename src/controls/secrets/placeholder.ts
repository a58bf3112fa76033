import { createHmac } from 'node:crypto';
import type { Credential } from './detector/types.ts';
import { RUN_PLACEHOLDER, RUN_PLACEHOLDER_START } from './run-place.ts';

/** What stands in a placeholder for a person to see; RFC 4648 base32 after it. */
const MARK = 'MASKED';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** 60 bits, so that two values of one install never share a placeholder. */
const LEAST_TAIL = 12;
/** Characters of a value that may stay: they name the kind of the credential. */
const KINDS =
  /^(?:gh[pousr]_|github_pat_|glpat-|npm_|sk-ant-[a-z]{2,6}\d{2}-|sk-proj-|sk_(?:live|test)_|rk_(?:live|test)_|sk-|xox[abpors]-|AKIA|ASIA|AIza|hf_|pypi-|dckr_pat_|SG\.|shpat_|hvs\.|glsa_|tskey-[a-z]{4,8}-|whsec_|eyJ)/;

/** A whole placeholder, alone or behind what names its kind. */
const WHOLE = new RegExp(`^${KINDS.source.slice(1)}?${MARK}[A-Z2-7]{${LEAST_TAIL},}$`);
const MENTIONED = new RegExp(`${MARK}[A-Z2-7]{${LEAST_TAIL}}`);
const ANYWHERE = new RegExp(`${MARK}[A-Z2-7]{${LEAST_TAIL},}`, 'g');

function derived(key: Uint8Array, value: string, length: number): string {
  let text = '';
  for (let block = 0; text.length < length; block += 1) {
    const bytes = createHmac('sha256', key).update(`${block}\0`).update(value, 'latin1').digest();
    for (const byte of bytes) text += BASE32.charAt(byte & 31);
  }
  return text.slice(0, length);
}

/**
 * What a run sees instead of the value: the same for the same value and key, of the same length where that holds 60
 * bits, with the prefix that tools look for and the line breaks of the original. It tells nothing else about it.
 */
export function placeholderFor(value: string, key: Uint8Array): string {
  const lines = value.split(/(\r?\n|\\n)/);
  if (lines.length > 1) {
    const first = lines.findIndex((line) => line.length >= MARK.length + LEAST_TAIL);
    if (first >= 0) {
      const filled = derived(key, value, value.length);
      let used = 0;
      return lines
        .map((line, index) => {
          if (/^(?:\r?\n|\\n)?$/.test(line)) return line;
          const lead = index === first ? MARK : '';
          const length = line.length - lead.length;
          used += length;
          return lead + filled.slice(used - length, used);
        })
        .join('');
    }
  }
  const kind = KINDS.exec(value)?.[0] ?? '';
  const tail = Math.max(LEAST_TAIL, value.length - kind.length - MARK.length);
  return `${kind}${MARK}${derived(key, value, tail)}`;
}

/** Whether the text is a placeholder and nothing else. */
function isPlaceholder(text: string): boolean {
  if (WHOLE.test(text) || RUN_PLACEHOLDER.test(text)) return true;
  // A key's: every line in the alphabet of placeholders, the first one marked.
  const lines = text.split(/\s+|\\n/).filter((line) => line !== '');
  return lines.length > 1 && lines.every((line, at) => (at === 0 ? WHOLE : /^[A-Z2-7]+$/).test(line));
}

/** What was found without what is masked already: a placeholder may be said, written and sent. */
export function withoutPlaceholders(text: string, found: readonly Credential[]): readonly Credential[] {
  return text.includes(MARK) || text.includes(RUN_PLACEHOLDER_START)
    ? found.filter(({ start, end }) => !isPlaceholder(text.slice(start, end)))
    : found;
}

/** Whether a text holds a marked piece, whole or cut at its end. */
export function mentionsMasked(text: string): boolean {
  return MENTIONED.test(text);
}

/** Every marked piece of a text. */
export function placeholdersIn(text: string): readonly string[] {
  return text.match(ANYWHERE) ?? [];
}
