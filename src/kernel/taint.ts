import type { ActionKind } from './action.ts';
import type { Effect, Layer, Rule } from './authority.ts';

/** `untrusted`: somebody outside wrote it. `private`: it holds what must not leave. Labels only accumulate. */
export type TaintLabel = 'untrusted' | 'private';

type Left = Readonly<Partial<Record<ActionKind, Effect>>>;

/**
 * Per label and kind of action: what a session that carries the label may still do at most. `together` is what a
 * session may do that has read untrusted text and private data: every way out of it asks a person (X9).
 */
export type TaintPolicy = Readonly<Partial<Record<TaintLabel | 'together', Left>>>;

/** X9: an outbound effect, a secret or a lasting change by a session that read untrusted text waits for a person. */
export const DEFAULT_TAINT_POLICY: TaintPolicy = {
  untrusted: {
    exec: 'ask',
    'secret.use': 'ask',
    'memory.write': 'ask',
    'message.send': 'ask',
    'config.change': 'deny',
  },
  together: {
    exec: 'ask',
    'net.connect': 'ask',
    'secret.use': 'deny',
    'memory.write': 'ask',
    'message.send': 'ask',
    'config.change': 'deny',
  },
};

/** Which parts of a policy count for a session with these labels. */
function partsOf(labels: Iterable<TaintLabel>): readonly (TaintLabel | 'together')[] {
  const carried = [...new Set(labels)].sort();
  return carried.length > 1 ? [...carried, 'together'] : carried;
}

/** One thing that a session may no longer do on its own, and because of what. */
export interface TaintLoss {
  readonly because: string;
  readonly kind: ActionKind;
  readonly effect: 'ask' | 'deny';
}

/** What these labels take away, for people who wonder why something is asked. */
export function taintLosses(labels: Iterable<TaintLabel>, policy: TaintPolicy): readonly TaintLoss[] {
  return partsOf(labels).flatMap((part) =>
    Object.entries(policy[part] ?? {}).flatMap(([kind, effect]) =>
      effect === 'allow'
        ? []
        : [
            {
              because:
                part === 'together' ? 'untrusted content together with private data' : `${part} content`,
              kind: kind as ActionKind,
              effect,
            },
          ],
    ),
  );
}

/**
 * The layer that a session's labels add. It only ever takes away: everything it does not name stays as the
 * other layers decide.
 */
export function taintLayer(labels: Iterable<TaintLabel>, policy: TaintPolicy): Layer {
  const rules: Rule[] = [];
  for (const part of partsOf(labels)) {
    const read = part === 'together' ? 'untrusted content and private data' : `${part} content`;
    for (const [kind, effect] of Object.entries(policy[part] ?? {})) {
      if (effect === 'allow') continue;
      rules.push({
        id: `${part}:${kind}`,
        kind: kind as ActionKind,
        effect,
        reason: `this session has read ${read}, so ${kind} ${effect === 'ask' ? 'needs a person' : 'is refused'}`,
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
