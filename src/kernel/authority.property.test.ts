import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ACTION_KINDS,
  type Action,
  type ActionKind,
  ATTRIBUTES,
  type Authority,
  authorityOf,
  type Decision,
  decide,
  decideAll,
  type Effect,
  type Grant,
  type Layer,
  NO_AUTHORITY,
  narrow,
  type Rule,
  type Subject,
  withGrants,
} from './index.ts';

const SUBJECT: Subject = { principal: 'p1', agent: 'main', session: 's1' };
const NOW = 1_000;
const RANK: Record<Effect, number> = { allow: 0, ask: 1, deny: 2 };

const word = fc.constantFrom(
  'a',
  'b',
  'api.example.org',
  'x.example.org',
  '/data/x',
  '/data',
  'git status -s',
  'git',
  '443',
);
const pattern = fc.oneof(word, fc.constantFrom('*', '*.example.org', '/data/**', 'git status', 'git $'));

const action: fc.Arbitrary<Action> = fc.constantFrom(...ACTION_KINDS).chain((kind) => {
  const names = Object.keys(ATTRIBUTES[kind].match);
  return fc
    .tuple(...names.map(() => word))
    .map(
      (values) =>
        ({ kind, unclear: false, ...Object.fromEntries(names.map((n, i) => [n, values[i]])) }) as Action,
    );
});

function ruleOf(kind: ActionKind): fc.Arbitrary<Rule> {
  const names = Object.keys(ATTRIBUTES[kind].match);
  return fc.record({
    id: fc.constantFrom('r1', 'r2', 'r3', 'r4'),
    kind: fc.constant(kind),
    effect: fc.constantFrom<Effect>('allow', 'ask', 'deny'),
    match: fc.dictionary(fc.constantFrom(...names), fc.array(pattern, { maxLength: 3 }), { maxKeys: 2 }),
    expires: fc.option(fc.integer({ min: 0, max: 2_000 }), { nil: undefined }),
  });
}

const rule: fc.Arbitrary<Rule> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...ACTION_KINDS).chain(ruleOf) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Effect>('allow', 'ask')
      .map((effect) => ({ id: 'any', kind: '*' as const, effect })),
  },
);

const grant: fc.Arbitrary<Grant> = fc.constantFrom(...ACTION_KINDS).chain((kind) =>
  fc.record({
    id: fc.constantFrom('g1', 'g2'),
    layer: fc.constant('l'),
    kind: fc.constant(kind),
    match: fc.constant({ [ATTRIBUTES[kind].key]: ['*'] }),
    owner: fc.constantFrom('', 'ops'),
    ticket: fc.constantFrom('', 'T-1'),
    reason: fc.constant('because'),
    expires: fc.integer({ min: 0, max: 2_000 }),
  }),
);

const layer: fc.Arbitrary<Layer> = fc.record({
  id: fc.constantFrom('ceiling', 'playbook:x', 'principal', 'taint'),
  rules: fc.array(rule, { maxLength: 6 }),
  grants: fc.array(grant, { maxLength: 2 }),
});

const authority: fc.Arbitrary<Authority> = fc
  .array(layer, { maxLength: 4 })
  .map((layers) => authorityOf(...layers));

function verdict(a: Authority, what: Action): Decision {
  return decide(a, SUBJECT, what, NOW);
}

test('narrowing never yields more than either side', () => {
  fc.assert(
    fc.property(authority, authority, action, (a, b, what) => {
      const both = RANK[verdict(narrow(a, b), what).effect];
      assert.ok(both >= RANK[verdict(a, what).effect]);
      assert.ok(both >= RANK[verdict(b, what).effect]);
    }),
    { numRuns: 2_000 },
  );
});

test('narrowing is associative, commutative and idempotent', () => {
  fc.assert(
    fc.property(authority, authority, authority, (a, b, c) => {
      assert.equal(narrow(narrow(a, b), c).hash, narrow(a, narrow(b, c)).hash);
      assert.equal(narrow(a, b).hash, narrow(b, a).hash);
      assert.equal(narrow(a, a).hash, a.hash);
    }),
  );
});

test('nothing at all absorbs: a missing side is never read as unrestricted', () => {
  fc.assert(
    fc.property(authority, action, (a, what) => {
      assert.equal(verdict(narrow(a, NO_AUTHORITY), what).effect, 'deny');
      assert.equal(verdict(narrow(NO_AUTHORITY, a), what).effect, 'deny');
    }),
  );
});

test('an allow or an ask always names a rule or a grant that exists', () => {
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 3 }), action, (layers, what) => {
      const decision = verdict(authorityOf(...layers), what);
      if (decision.effect === 'deny') return;
      const names = layers.flatMap((l) => [
        ...l.rules.map((r) => `${l.id}/${r.id}`),
        ...(l.grants ?? []).map((g) => `${l.id}/grant:${g.id}`),
      ]);
      assert.ok(names.includes(decision.rule), decision.rule);
    }),
  );
});

test('an expired grant gives nothing: the decision is the one without it', () => {
  fc.assert(
    fc.property(layer, fc.array(grant, { maxLength: 3 }), action, (l, grants, what) => {
      const expired = grants.map((g) => ({ ...g, expires: Math.min(g.expires, NOW) }));
      const withGrants = verdict(authorityOf({ ...l, grants: expired }), what);
      const without = verdict(authorityOf({ ...l, grants: [] }), what);
      assert.equal(withGrants.effect, without.effect);
      assert.equal(withGrants.rule, without.rule);
    }),
  );
});

test('taking any allow or ask rule away never widens a layer, and adding a deny never widens it', () => {
  fc.assert(
    fc.property(layer, rule, action, (l, extra, what) => {
      const before = RANK[verdict(authorityOf(l), what).effect];
      const denied = { ...extra, effect: 'deny' as const };
      const more = { ...l, rules: [...l.rules, denied] };
      assert.ok(RANK[verdict(authorityOf(more), what).effect] >= before);
    }),
  );
});

test('the decision over many actions is the strictest of them', () => {
  fc.assert(
    fc.property(authority, fc.array(action, { minLength: 1, maxLength: 4 }), (a, many) => {
      const strictest = Math.max(...many.map((what) => RANK[verdict(a, what).effect]));
      assert.equal(RANK[decideAll(a, SUBJECT, many, NOW).effect], strictest);
    }),
  );
});

test('further grants never change what no grant covers, and never what a rule denies', () => {
  fc.assert(
    fc.property(authority, fc.array(grant, { maxLength: 3 }), action, (a, more, what) => {
      const grants = more.map((g, index) => ({ ...g, layer: index % 2 === 0 ? 'ceiling' : 'playbook:x' }));
      const before = verdict(a, what);
      const after = verdict(withGrants(a, grants), what);
      const covering = grants.filter((g) => g.kind === what.kind && g.expires > NOW && g.owner && g.ticket);
      if (covering.length === 0) assert.equal(after.effect, before.effect);
      // An explicit denial of any layer stands whatever is granted.
      const denied = before.effect === 'deny' && !before.rule.endsWith('(none)');
      if (denied) assert.equal(after.effect, 'deny');
      assert.ok(RANK[after.effect] <= RANK[before.effect]);
    }),
    { numRuns: 2_000 },
  );
});

test('of two grants that cover an action the narrower one is named', () => {
  const base = { layer: 'l', kind: 'tool.call', match: { tool: ['x'] }, owner: 'o', ticket: 't' } as const;
  const wide: Grant = { ...base, id: 'wide', reason: 'r', expires: NOW + 1, subject: { agent: 'main' } };
  const narrowed: Grant = { ...wide, id: 'narrow', subject: { agent: 'main', session: 's1' } };
  const whole = withGrants(authorityOf({ id: 'l', rules: [] }), [wide, narrowed]);
  assert.equal(verdict(whole, { kind: 'tool.call', tool: 'x' }).rule, 'l/grant:narrow');
  assert.equal(
    decide(whole, { principal: 'p', agent: 'main' }, { kind: 'tool.call', tool: 'x' }, NOW).rule,
    'l/grant:wide',
  );
  assert.equal(decide(whole, { principal: 'p' }, { kind: 'tool.call', tool: 'x' }, NOW).effect, 'deny');
});
