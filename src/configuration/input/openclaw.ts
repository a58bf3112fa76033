import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';
import { FOREIGN_KEYS, type ForeignKey, LATER, TUNING_KEYS, VALUE_ADVICE } from './openclaw-keys.ts';

/** The decision about a key that the schema lacks; undefined when OpenClaw does not know it either. */
export function foreignKey(segments: readonly Segment[]): ForeignKey | undefined {
  const words = agentWords(segments.map(String));
  let best: { readonly key: ForeignKey; readonly exact: number } | undefined;
  for (const [pattern, key] of Object.entries(FOREIGN_KEYS)) {
    const exact = matchWords(pattern.split('.'), words);
    if (exact !== undefined && (best === undefined || exact > best.exact)) best = { key, exact };
  }
  return best?.key ?? tuningKey(words);
}

/** `agents.entries.x`, `agents.list[0]` and `agents.defaults` are one place for this purpose. */
function agentWords(words: readonly string[]): readonly string[] {
  if (words[0] !== 'agents' || words[1] === 'defaults') return words;
  return words[1] === 'entries' || words[1] === 'list' ? ['agents', 'any', ...words.slice(3)] : words;
}

/** How many words match literally; undefined when one does not match at all. */
function matchWords(pattern: readonly string[], words: readonly string[]): number | undefined {
  if (pattern.length !== words.length) return undefined;
  const fits = (word: string, index: number): boolean =>
    word === '*' || word.split('|').includes(words[index] ?? '');
  return pattern.every(fits) ? pattern.filter((word) => word !== '*').length : undefined;
}

function tuningKey(words: readonly string[]): ForeignKey | undefined {
  const last = words.at(-1) ?? '';
  const place = words[0] === 'channels' && words.includes('groups') ? 'groups' : words[0];
  if (place !== 'agents' && place !== 'channels' && place !== 'groups') return undefined;
  if (place === 'agents' && words.length !== 3) return undefined;
  return TUNING_KEYS[place].has(last) ? { effect: 'ignore', advice: LATER } : undefined;
}

/** Whether a value switches a feature off, so that its absence here is what was meant. */
export function switchesOff(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (!isPlainObject(value))
    return value === false || value === 0 || ['off', 'none', 'disabled', 'deny'].includes(String(value));
  if (value['enabled'] === false || value['mode'] === 'off') return true;
  return Object.values(value).every(switchesOff);
}

/** Why a value of a known key is not possible here; undefined when there is nothing special to say. */
export function valueAdvice(segments: readonly Segment[]): string | undefined {
  return VALUE_ADVICE[agentWords(segments.map(String)).join('.')];
}
