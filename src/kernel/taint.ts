import type { ActionKind } from './action.ts';
import type { Effect, Layer, Rule } from './authority.ts';

/** `untrusted`: somebody outside wrote it. `private`: it holds what must not leave. Labels only accumulate. */
export type TaintLabel = 'untrusted' | 'private';

/** Per label and kind of action: what a session that carries the label may still do at most. */
export type TaintPolicy = Readonly<
  Partial<Record<TaintLabel, Readonly<Partial<Record<ActionKind, Effect>>>>>
>;

/** X9: an outbound effect, a secret or a lasting change by a session that read untrusted text waits for a person. */
export const DEFAULT_TAINT_POLICY: TaintPolicy = {
  untrusted: {
    exec: 'ask',
    'secret.use': 'ask',
    'memory.write': 'ask',
    'message.send': 'ask',
    'config.change': 'deny',
  },
};

/**
 * The layer that a session's labels add. It only ever takes away: everything it does not name stays as the
 * other layers decide.
 */
export function taintLayer(labels: Iterable<TaintLabel>, policy: TaintPolicy): Layer {
  const rules: Rule[] = [];
  for (const label of [...new Set(labels)].sort()) {
    for (const [kind, effect] of Object.entries(policy[label] ?? {})) {
      if (effect === 'allow') continue;
      rules.push({
        id: `${label}:${kind}`,
        kind: kind as ActionKind,
        effect,
        reason: `this session has read ${label} content, so ${kind} ${effect === 'ask' ? 'needs a person' : 'is refused'}`,
      });
    }
  }
  rules.push({ id: 'otherwise', kind: '*', effect: 'allow' });
  return { id: 'taint', rules };
}

/** Labels of several sources together. */
export function joinTaint(...sources: readonly Iterable<TaintLabel>[]): readonly TaintLabel[] {
  const joined = new Set<TaintLabel>();
  for (const source of sources) for (const label of source) joined.add(label);
  return [...joined].sort();
}
