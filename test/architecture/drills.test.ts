import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_CODES } from '../../scripts/reference/code-tables.ts';
import { DRILLS, GAME_DAY } from '../../src/operations/drill/catalogue.ts';
import { DECISIONS } from '../../src/operations/reference/codes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const sources = globSync('src/**/*.ts', { cwd: ROOT })
  .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('drills.ts') && !file.includes('/drills/'))
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n');
const listed = new Set([
  ...ALL_CODES.flatMap(({ table }) => Object.keys(table)),
  ...DECISIONS.map(({ code }) => code),
]);

test('every drill has a name of its own, <control>.<what is tried>, of a control that exists', () => {
  const ids = DRILLS.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
  const controls = globSync('src/controls/*', { cwd: ROOT }).map((path) => path.split('/').at(-1));
  for (const id of ids) {
    const [control = '', what = '', ...rest] = id.split('.');
    assert.ok(controls.includes(control), id);
    assert.match(what, /^[a-z][a-z0-9-]+$/, id);
    assert.deepEqual(rest, [], id);
  }
});

test('every code that a drill expects exists: a listed failure, a decision, or the id of a finding', () => {
  for (const { id, codes } of DRILLS) {
    assert.ok(codes.length > 0, id);
    for (const code of codes) assert.ok(listed.has(code) || sources.includes(`'${code}'`), `${id} ${code}`);
  }
});

test('every record and alert that a drill expects is written by some source', () => {
  for (const { id, event, alert } of DRILLS) {
    if (typeof event !== 'string')
      assert.match(event.none, /^[a-z].{20,}/, `${id} must say why nothing is on record`);
    else assert.ok(sources.includes(`'${event}'`) || sources.includes(`id: '${event}'`), `${id} ${event}`);
    if ('rule' in alert) assert.ok(sources.includes(`'${alert.rule}'`), `${id} ${alert.rule}`);
    else assert.match(alert.none, /^[a-z].{20,}/, `${id} must say why nobody is told`);
  }
});

/** What D6 names, and the drills that try it. */
const D6: Readonly<Record<string, readonly string[]>> = {
  'an unauthorised dial-in': ['auth.no-credential', 'listen.address-not-allowed'],
  'a bad token': ['auth.made-up-token', 'auth.malformed-token'],
  'a revoked token': ['auth.revoked-token', 'auth.disabled-principal'],
  'a hostile origin': ['listen.hostile-origin', 'listen.hostile-origin-websocket'],
  'an unknown sender': ['senders.stranger'],
  'a non-allowed host': ['egress.host-without-rule'],
  'the metadata address': ['egress.metadata-service'],
  'DNS rebinding': ['listen.rebinding', 'egress.rebinding'],
  'a forbidden command': ['execution.forbidden-command'],
  'a sandbox escape': ['execution.host-files', 'execution.network', 'execution.namespaces'],
  'a tampered ledger': ['trace.edited-record', 'trace.removed-record'],
  'a leaked honeytoken': ['secrets.honeytoken'],
  'a budget overrun': ['budget.overrun'],
  'a rotation under load': ['auth.rotation-under-load'],
};

test('everything that operators are promised a drill for has one; a changed skill waits for skills', () => {
  const ids = DRILLS.map(({ id }) => id);
  for (const [what, drills] of Object.entries(D6))
    for (const drill of drills) assert.ok(ids.includes(drill), `${what}: ${drill}`);
  for (const drill of GAME_DAY) assert.ok(ids.includes(drill), drill);
});

test('every drill names requirements and says what it tries', () => {
  for (const { id, title, requirements, rule } of DRILLS) {
    assert.ok(requirements.length > 0, id);
    for (const requirement of requirements) assert.match(requirement, /^[A-Z]\d{1,2}$/, id);
    assert.ok(title.length > 10 && rule.length > 0, id);
  }
});
