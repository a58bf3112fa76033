import { createHash } from 'node:crypto';
import {
  ACTION_KINDS,
  type Action,
  type ActionKind,
  ATTRIBUTES,
  type MatcherName,
  type Subject,
} from './action.ts';
import { matches } from './match.ts';

export type Effect = 'allow' | 'ask' | 'deny';

/** One line of a policy. `match` maps an attribute of the action to the patterns that satisfy it. */
export interface Rule {
  readonly id: string;
  readonly kind: ActionKind | '*';
  readonly effect: Effect;
  /** Every named attribute must match one of its patterns. An empty pattern list matches nothing (attack 95). */
  readonly match?: Readonly<Record<string, readonly string[]>>;
  readonly owner?: string;
  readonly ticket?: string;
  readonly reason?: string;
  /** Unix milliseconds after which the rule is gone. Never on a deny: a denial does not lapse by itself. */
  readonly expires?: number;
}

/** A time-boxed widening of one layer (D7). Without owner, ticket, reason and expiry it does not exist. */
export interface Grant {
  readonly id: string;
  readonly layer: string;
  readonly kind: ActionKind;
  readonly match: Readonly<Record<string, readonly string[]>>;
  readonly owner: string;
  readonly ticket: string;
  readonly reason: string;
  readonly expires: number;
  /** Limits the grant to these identities; each named one must be equal. */
  readonly subject?: Partial<Subject>;
}

/**
 * One source of authority: the install's ceiling, an agent's playbook, a principal's rights, a session's
 * taint. Inside a layer a deny wins; otherwise the first matching rule in order; otherwise a grant of this
 * layer; otherwise the answer is deny.
 */
export interface Layer {
  readonly id: string;
  readonly rules: readonly Rule[];
  readonly grants?: readonly Grant[];
}

export interface CompiledLayer {
  readonly id: string;
  readonly hash: string;
  readonly index: ReadonlyMap<ActionKind, KindIndex>;
  readonly grants: readonly Grant[];
}

/** What one attribute of an action has to be. */
interface AttributeCheck {
  readonly attribute: string;
  readonly matcher: MatcherName;
  readonly patterns: readonly string[];
}

interface OrderedRule {
  readonly rule: Rule;
  readonly order: number;
  /** What is left to compare once the index has led here; undefined when nothing can match. */
  readonly checks: readonly AttributeCheck[] | undefined;
}

/** Rules of one kind, found by the key attribute in constant time however many there are (E2, 10,000 rules). */
interface KindIndex {
  readonly exact: ReadonlyMap<string, readonly OrderedRule[]>;
  readonly suffix: ReadonlyMap<string, readonly OrderedRule[]>;
  readonly rest: readonly OrderedRule[];
}

/** The rules of a layer in their order, each once. */
export function rulesOfLayer({ index }: CompiledLayer): readonly Rule[] {
  const all = [...index.values()].flatMap(({ exact, suffix, rest }) => [
    ...[...exact.values()].flat(),
    ...[...suffix.values()].flat(),
    ...rest,
  ]);
  const ordered = all.sort((a, b) => a.order - b.order).map(({ rule }) => rule);
  return [...new Set(ordered)];
}

/** What is permitted: a set of layers that must all agree. More layers is always less authority. */
export interface Authority {
  readonly layers: readonly CompiledLayer[];
  readonly hash: string;
}

/** Nothing at all: an authority without a layer denies every action. */
export const NO_AUTHORITY: Authority = Object.freeze({ layers: [], hash: digest('[]') });

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function push(map: Map<string, OrderedRule[]>, key: string, entry: OrderedRule): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [entry]);
  else list.push(entry);
}

function indexKind(kind: ActionKind, rules: readonly Rule[]): KindIndex {
  const { key, match } = ATTRIBUTES[kind];
  const matcher = (match as Readonly<Record<string, string>>)[key];
  const exact = new Map<string, OrderedRule[]>();
  const suffix = new Map<string, OrderedRule[]>();
  const rest: OrderedRule[] = [];
  rules.forEach((rule, order) => {
    if (rule.kind !== kind && rule.kind !== '*') return;
    const checks = checksOf(rule, kind);
    const entry = { rule, order, checks };
    const patterns = rule.kind === '*' ? undefined : rule.match?.[key];
    if (patterns === undefined || matcher === 'path' || patterns.includes('*')) {
      rest.push(entry);
      return;
    }
    // Equal text is a match under every matcher but `path`, which is not indexed, so it is not compared again.
    const found = { rule, order, checks: checks?.filter(({ attribute }) => attribute !== key) };
    for (const pattern of new Set(patterns)) {
      if (matcher === 'host' && pattern.startsWith('*.')) push(suffix, pattern.slice(2), entry);
      else push(exact, pattern, found);
    }
  });
  return { exact, suffix, rest };
}

/** Freeze and index a layer. Rules with a `match` attribute that their kind lacks match nothing. */
export function compileLayer(layer: Layer): CompiledLayer {
  const index = new Map<ActionKind, KindIndex>();
  for (const kind of ACTION_KINDS) index.set(kind, indexKind(kind, layer.rules));
  return Object.freeze({
    id: layer.id,
    hash: digest(canonical({ id: layer.id, rules: layer.rules, grants: layer.grants ?? [] })),
    index,
    grants: Object.freeze([...(layer.grants ?? [])]),
  });
}

function compose(layers: readonly CompiledLayer[]): Authority {
  if (layers.length === 0) return NO_AUTHORITY;
  const unique = new Map<string, CompiledLayer>();
  for (const layer of layers) unique.set(layer.hash, layer);
  const sorted = [...unique.values()].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  return Object.freeze({ layers: Object.freeze(sorted), hash: digest(sorted.map((l) => l.hash).join('\n')) });
}

/**
 * The same layer with further grants, each where it names the layer. Its rules and what they deny stay as they are;
 * of two grants that cover an action the narrower one is named.
 */
export function grantTo(layer: CompiledLayer, grants: readonly Grant[]): CompiledLayer {
  const own = grants.filter((grant) => grant.layer === layer.id);
  if (own.length === 0) return layer;
  const all = [...layer.grants, ...own].sort((a, b) => width(a) - width(b));
  const hash = digest(canonical({ base: layer.hash, grants: all }));
  return Object.freeze({ ...layer, hash, grants: Object.freeze(all) });
}

/** Fewer named identities is wider. */
function width({ subject }: Grant): number {
  return -Object.values(subject ?? {}).filter((value) => value !== undefined).length;
}

/** The same authority with further grants; only layers that a grant names by id get one. */
export function withGrants(authority: Authority, grants: readonly Grant[]): Authority {
  if (grants.length === 0) return authority;
  const layers = authority.layers.map((layer) => grantTo(layer, grants));
  return layers.every((layer, index) => layer === authority.layers[index]) ? authority : compose(layers);
}

/** The authority of these layers together. */
export function authorityOf(...layers: readonly (Layer | CompiledLayer)[]): Authority {
  return compose(layers.map((layer) => ('index' in layer ? layer : compileLayer(layer))));
}

/**
 * What both sides permit. Because an authority is a set of layers that must all agree, narrowing is the union
 * of the sets: commutative, associative, idempotent, and never more than either side. Nothing at all
 * (`NO_AUTHORITY`) absorbs, so that a missing side cannot be mistaken for an unrestricted one.
 */
export function narrow(a: Authority, b: Authority): Authority {
  if (a.layers.length === 0 || b.layers.length === 0) return NO_AUTHORITY;
  return compose([...a.layers, ...b.layers]);
}

/** Whether any rule that allows actions of this kind names `key` itself, rather than every one with `*`. */
export function isNamed(authority: Authority, kind: ActionKind, key: string): boolean {
  return authority.layers.some(({ index }) =>
    index
      .get(kind)
      ?.exact.get(key)
      ?.some(({ rule }) => rule.effect === 'allow'),
  );
}

/** Undefined for a rule that matches no action of the kind, because it names an attribute which the kind lacks. */
function checksOf(
  rule: Pick<Rule, 'kind' | 'match'>,
  kind: ActionKind,
): readonly AttributeCheck[] | undefined {
  const { match } = rule;
  if (match === undefined) return [];
  if (rule.kind === '*') return undefined;
  const matchers: Readonly<Record<string, MatcherName>> = ATTRIBUTES[kind].match;
  const checks: AttributeCheck[] = [];
  for (const [attribute, patterns] of Object.entries(match)) {
    const matcher = Object.hasOwn(matchers, attribute) ? matchers[attribute] : undefined;
    if (matcher === undefined) return undefined;
    checks.push({ attribute, matcher, patterns: patterns ?? [] });
  }
  return checks;
}

function holds(checks: readonly AttributeCheck[] | undefined, action: Action): boolean {
  if (checks === undefined) return false;
  for (const { attribute, matcher, patterns } of checks) {
    const value: unknown = (action as unknown as Record<string, unknown>)[attribute];
    if (typeof value !== 'string' || !anyMatches(matcher, patterns, value)) return false;
  }
  return true;
}

function anyMatches(matcher: MatcherName, patterns: readonly string[], value: string): boolean {
  for (const pattern of patterns) if (matches(matcher, pattern, value)) return true;
  return false;
}

const NO_RULES: readonly OrderedRule[] = [];

function candidates(layer: CompiledLayer, action: Action): readonly OrderedRule[] {
  const index = layer.index.get(action.kind);
  if (index === undefined) return [];
  const value = (action as unknown as Record<string, unknown>)[ATTRIBUTES[action.kind].key];
  if (typeof value !== 'string') return [];
  const exact = index.exact.get(value) ?? NO_RULES;
  const dot = index.suffix.size > 0 ? value.indexOf('.') : -1;
  const suffix = (dot > 0 ? index.suffix.get(value.slice(dot + 1)) : undefined) ?? NO_RULES;
  // Nearly always one of the three alone; a decision makes no list of its own then.
  if (index.rest.length === 0 && suffix.length === 0) return exact;
  if (index.rest.length === 0 && exact.length === 0) return suffix;
  return [...exact, ...index.rest, ...suffix];
}

/** What one layer says about an action. `rule` is undefined when nothing matched, which means deny. */
export function judge(
  layer: CompiledLayer,
  subject: Subject,
  action: Action,
  now: number,
): { readonly effect: Effect; readonly rule?: Rule; readonly grant?: Grant } {
  let first: OrderedRule | undefined;
  for (const candidate of candidates(layer, action)) {
    const { rule, checks } = candidate;
    if (rule.effect !== 'deny' && rule.expires !== undefined && rule.expires <= now) continue;
    if (!holds(checks, action)) continue;
    if (rule.effect === 'deny') return { effect: 'deny', rule };
    if (first === undefined || candidate.order < first.order) first = candidate;
  }
  if (first?.rule.effect === 'allow') return { effect: 'allow', rule: first.rule };
  const grant = layer.grants.find((item) => grantCovers(item, subject, action, now));
  if (grant !== undefined) return { effect: 'allow', grant };
  return first === undefined ? { effect: 'deny' } : { effect: first.rule.effect, rule: first.rule };
}

/** A grant gives nothing before it names who asked for it and why, and nothing from its expiry on. */
function grantCovers(grant: Grant, subject: Subject, action: Action, now: number): boolean {
  if (!(grant.expires > now) || grant.kind !== action.kind) return false;
  if (grant.owner === '' || grant.ticket === '' || grant.reason === '') return false;
  for (const [name, wanted] of Object.entries(grant.subject ?? {})) {
    if ((subject as unknown as Record<string, unknown>)[name] !== wanted) return false;
  }
  return holds(checksOf(grant, action.kind), action);
}
