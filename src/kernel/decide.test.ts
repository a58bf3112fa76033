import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Action,
  type ActionKind,
  ATTRIBUTES,
  asGatehouseError,
  authorityOf,
  DECISION_CODES,
  DEFAULT_TAINT_POLICY,
  decide,
  decideAll,
  defineCodes,
  type Effect,
  GatehouseError,
  type Grant,
  type Layer,
  matches,
  NO_AUTHORITY,
  narrow,
  type Rule,
  taintLayer,
} from './index.ts';

const SUBJECT = { principal: 'p', agent: 'main', session: 's' };

function one(rules: readonly Rule[], action: Action, now = 0, grants: readonly Grant[] = []) {
  return decide(authorityOf({ id: 'playbook:t', rules, grants }), SUBJECT, action, now);
}

const connect = (host: string, port = '443'): Action => ({ kind: 'net.connect', host, port });
const run = (command: string): Action => ({
  kind: 'exec',
  program: command.split(' ')[0] ?? '',
  command,
  unclear: false,
});

test('no rule means deny, with the code of the kind', () => {
  const decision = one([], connect('example.org'));
  assert.equal(decision.effect, 'deny');
  assert.equal(decision.code, 'EGRESS_HOST_NOT_ALLOWED');
  assert.equal(decision.rule, 'playbook:t/(none)');
});

test('no authority means deny, and so does an unknown kind of action', () => {
  assert.equal(decide(NO_AUTHORITY, SUBJECT, connect('example.org'), 0).code, 'DECISION_NO_AUTHORITY');
  const odd = { kind: 'teleport' } as unknown as Action;
  assert.equal(one([{ id: 'all', kind: '*', effect: 'allow' }], odd).code, 'DECISION_UNKNOWN_ACTION');
});

test('a deny wins wherever it stands; otherwise the first matching rule decides', () => {
  const ask: Rule = {
    id: 'push',
    kind: 'exec',
    effect: 'ask',
    match: { program: ['git'], command: ['git push'] },
  };
  const allow: Rule = { id: 'git', kind: 'exec', effect: 'allow', match: { program: ['git'] } };
  const deny: Rule = { id: 'force', kind: 'exec', effect: 'deny', match: { command: ['git push --force'] } };
  assert.equal(one([ask, allow], run('git push origin')).effect, 'ask');
  assert.equal(one([allow, ask], run('git push origin')).effect, 'allow');
  assert.equal(one([allow, ask, deny], run('git push --force x')).effect, 'deny');
  assert.equal(one([ask, allow], run('git log')).rule, 'playbook:t/git');
});

test('an empty pattern list matches nothing', () => {
  assert.equal(
    one([{ id: 'r', kind: 'net.connect', effect: 'allow', match: { host: [] } }], connect('a.org')).effect,
    'deny',
  );
});

test('a rule that names an attribute its kind lacks matches nothing', () => {
  const rule: Rule = { id: 'r', kind: 'net.connect', effect: 'allow', match: { tool: ['shell'] } };
  assert.equal(one([rule], connect('a.org')).effect, 'deny');
});

test('egress/a one-label wildcard against apex, two labels, look-alike and literal: refused', () => {
  const rule: Rule = { id: 'w', kind: 'net.connect', effect: 'allow', match: { host: ['*.example.org'] } };
  assert.equal(one([rule], connect('api.example.org')).effect, 'allow');
  for (const host of [
    'example.org',
    'a.b.example.org',
    'notexample.org',
    'example.org.evil.net',
    '[::1].example.org',
    '.example.org',
  ]) {
    assert.equal(one([rule], connect(host)).effect, 'deny', host);
  }
});

test('execution/a longer word or an abbreviated subcommand: refused', () => {
  assert.ok(matches('command', 'git status', 'git status -s'));
  assert.ok(!matches('command', 'git status', 'git statusx'));
  assert.ok(!matches('command', 'git status', 'git stat'));
  assert.ok(matches('command', 'make $', 'make'));
  assert.ok(!matches('command', 'make $', 'make install'));
});

test('files/a sibling with the same prefix: refused', () => {
  assert.ok(matches('path', '/data/**', '/data/x/y'));
  assert.ok(matches('path', '/data/**', '/data'));
  assert.ok(!matches('path', '/data/**', '/data-secret'));
  assert.ok(!matches('path', '/data', '/data/x'));
});

const GRANT: Grant = {
  id: 'g',
  layer: 'playbook:t',
  kind: 'net.connect',
  match: { host: ['new.example.org'] },
  owner: 'ops',
  ticket: 'T-1',
  reason: 'incident',
  expires: 100,
};

test('a grant widens until its expiry and not a millisecond longer', () => {
  assert.equal(one([], connect('new.example.org'), 99, [GRANT]).effect, 'allow');
  assert.equal(one([], connect('new.example.org'), 100, [GRANT]).effect, 'deny');
});

test('grants/without owner, ticket or reason, or for another session: gives nothing', () => {
  for (const broken of [{ owner: '' }, { ticket: '' }, { reason: '' }, { subject: { session: 'other' } }]) {
    assert.equal(one([], connect('new.example.org'), 0, [{ ...GRANT, ...broken }]).effect, 'deny');
  }
});

test('grants/against a deny rule or another layer: gives nothing', () => {
  const deny: Rule = {
    id: 'never',
    kind: 'net.connect',
    effect: 'deny',
    match: { host: ['new.example.org'] },
  };
  assert.equal(one([deny], connect('new.example.org'), 0, [GRANT]).effect, 'deny');
  const other: Layer = { id: 'ceiling', rules: [] };
  const both = narrow(authorityOf({ id: 'playbook:t', rules: [], grants: [GRANT] }), authorityOf(other));
  assert.equal(decide(both, SUBJECT, connect('new.example.org'), 0).effect, 'deny');
});

test('taint only takes away, and says why', () => {
  const all: Layer = { id: 'playbook:t', rules: [{ id: 'all', kind: '*', effect: 'allow' }] };
  const clean = narrow(authorityOf(all), authorityOf(taintLayer([], DEFAULT_TAINT_POLICY)));
  const tainted = narrow(authorityOf(all), authorityOf(taintLayer(['untrusted'], DEFAULT_TAINT_POLICY)));
  assert.equal(decide(clean, SUBJECT, run('ls'), 0).effect, 'allow');
  const decision = decide(tainted, SUBJECT, run('ls'), 0);
  assert.equal(decision.effect, 'ask');
  assert.match(decision.reason, /has read untrusted content/);
  assert.equal(decide(tainted, SUBJECT, { kind: 'secret.use', secret: 'k', host: 'h' }, 0).effect, 'ask');
});

test('several actions are allowed together or not at all, and none is a denial', () => {
  const authority = authorityOf({
    id: 'playbook:t',
    rules: [{ id: 'ls', kind: 'exec', effect: 'allow', match: { program: ['ls'] } }],
  });
  assert.equal(decideAll(authority, SUBJECT, [run('ls')], 0).effect, 'allow');
  assert.equal(decideAll(authority, SUBJECT, [run('ls'), run('curl x')], 0).effect, 'deny');
  assert.equal(decideAll(authority, SUBJECT, [], 0).effect, 'deny');
});

test('each kind of action has its own codes for no rule, a denial and an ask', () => {
  for (const [kind, codes] of Object.entries(DECISION_CODES)) {
    const attributes = Object.keys(ATTRIBUTES[kind as ActionKind].match);
    const action = {
      kind,
      unclear: false,
      ...Object.fromEntries(attributes.map((name) => [name, 'x'])),
    } as Action;
    const rule = (effect: Effect): Rule => ({ id: 'r', kind: kind as ActionKind, effect });
    assert.equal(one([], action).code, codes.none);
    assert.equal(one([rule('deny')], action).code, codes.denied);
    assert.equal(one([rule('ask')], action).code, codes.ask);
    assert.equal(one([rule('allow')], action).effect, 'allow');
  }
});

test('every decision code is listed once', () => {
  const codes = Object.values(DECISION_CODES).flatMap((c) => Object.values(c));
  assert.equal(new Set(codes).size, codes.length);
});

test('errors show code, message and fix, and keep the cause private', () => {
  const codes = defineCodes({ T_X: { summary: 's', fix: 'f', status: 418 } });
  const error = codes.error('T_X', undefined, { cause: new Error('secret') });
  assert.deepEqual(error.toJSON(), { code: 'T_X', message: 's', fix: 'f' });
  assert.equal(error.status, 418);
  assert.ok(!JSON.stringify(error).includes('secret'));
  const unknown = asGatehouseError(new Error('boom secret'));
  assert.ok(unknown instanceof GatehouseError);
  assert.equal(unknown.code, 'KERNEL_INTERNAL');
  assert.ok(!JSON.stringify(unknown).includes('boom'));
});
