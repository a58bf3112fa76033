import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import { SYSTEM } from '../testing/harness.ts';
import { agentOfKey, canonicalKey } from './keys.ts';
import { migrations } from './migrations.ts';
import { MAX_PREVIEW, type NewMessage, previewOf } from './rows.ts';
import { createSessionService } from './service.ts';
import type { SessionTables } from './tables.ts';

async function store() {
  const database = openDatabase<SessionTables>(':memory:');
  await database.migrate(migrations);
  const sessions = createSessionService({ db: database.db, ...SYSTEM });
  return { sessions, database, [Symbol.dispose]: () => database.close() };
}

const user = (text: string): NewMessage => ({ role: 'user', content: [{ type: 'text', text }], taint: [] });
const entry = (runId: string, key = 'agent:main:main', space = 'operator') => ({
  runId,
  space,
  key,
  agent: agentOfKey(key),
  digest: 'd',
  request: { message: 'm', subject: { principal: 'p' }, trace: 't' },
});

for (const [key, canonical] of [
  ['main', 'agent:ops:main'],
  ['Work.2024', 'agent:ops:Work.2024'],
  ['agent:dev:main', 'agent:dev:main'],
  ['agent:dev:telegram:group:-100', undefined],
  ['agent:dev:telegram:group:100', 'agent:dev:telegram:group:100'],
] as const) {
  test(`the key ${key} means ${canonical ?? 'that name too'}`, () => {
    assert.equal(canonicalKey(key, 'ops'), canonical ?? key);
  });
}

for (const key of [
  '',
  'agent:',
  'agent:x',
  'agent:x:',
  'agent::y',
  'agent:X:y',
  'a b',
  'a/b',
  '../x',
  'a\nb',
  'é',
  '-x',
  'x'.repeat(257),
]) {
  test(`sessions/the key ${JSON.stringify(key.slice(0, 20))}: refused`, () => {
    assert.throws(() => canonicalKey(key, 'ops'), { code: 'SESSION_KEY_INVALID' });
  });
}

test('a canonical key is its own canonical form, whatever the default agent', () => {
  const name = fc
    .stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,40}$/)
    .filter((text) => !text.startsWith('agent:'));
  fc.assert(
    fc.property(name, (text) => {
      const key = canonicalKey(text, 'main');
      assert.equal(canonicalKey(key, 'other'), key);
      assert.equal(agentOfKey(key), 'main');
    }),
  );
});

test('the same key in two spaces names two conversations', async () => {
  using s = await store();
  const mine = await s.sessions.open('operator', 'agent:main:main');
  const theirs = await s.sessions.open('mallory', 'agent:main:main');
  assert.notEqual(mine.sessionId, theirs.sessionId);
  assert.deepEqual(
    (await s.sessions.list({ space: 'mallory' })).sessions.map((row) => row.sessionId),
    [theirs.sessionId],
  );
  assert.equal((await s.sessions.open('operator', 'agent:main:main')).sessionId, mine.sessionId);
});

test('seq has no holes, also when rows of one session are written at once', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(entry('r1'), [user('0')]);
  const { sessionId } = session;
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      s.sessions.log.write({ runId: 'r1', sessionId, messages: [user(`${index}`), user('x')] }),
    ),
  );
  const rows = await s.sessions.history(sessionId, { limit: 1000 });
  assert.deepEqual(
    rows.map((row) => row.seq),
    Array.from({ length: 41 }, (_, index) => index + 1),
  );
  assert.equal((await s.sessions.findById(sessionId))?.messageCount, 41);
});

test('a write that fails leaves neither rows nor a gap', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(entry('r1'), [user('a')]);
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const bad: NewMessage = {
    role: 'assistant',
    model: 'm',
    taint: [],
    content: [{ type: 'toolCall', id: 'c', name: 'n', arguments: cyclic }],
  };
  await assert.rejects(
    s.sessions.log.write({ runId: 'r1', sessionId: session.sessionId, messages: [user('b'), bad] }),
  );
  await s.sessions.log.write({ runId: 'r1', sessionId: session.sessionId, messages: [user('c')] });
  const rows = await s.sessions.history(session.sessionId);
  assert.deepEqual(
    rows.map((row) => row.seq),
    [1, 2],
  );
});

test('history pages backwards from a seq', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(
    entry('r1'),
    Array.from({ length: 10 }, (_, index) => user(`${index}`)),
  );
  const page = await s.sessions.history(session.sessionId, { limit: 3, beforeSeq: 8 });
  assert.deepEqual(
    page.map((row) => row.seq),
    [5, 6, 7],
  );
});

test('a reset keeps the key, starts empty, and keeps the old rows under the old id', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(entry('r1'), [user('a')]);
  await assert.rejects(s.sessions.reset('operator', 'agent:main:main'), { code: 'SESSION_BUSY' });
  await assert.rejects(s.sessions.delete('operator', 'agent:main:main'), { code: 'SESSION_BUSY' });
  const outcome = {
    status: 'ok',
    text: '',
    stopReason: 'stop',
    usage: { inputTokens: 0, outputTokens: 0 },
    model: 'm',
  } as const;
  await s.sessions.log.write({ runId: 'r1', sessionId: session.sessionId, status: 'ok', outcome });
  const fresh = await s.sessions.reset('operator', 'agent:main:main');
  assert.notEqual(fresh.sessionId, session.sessionId);
  assert.equal((await s.sessions.history(fresh.sessionId)).length, 0);
  assert.equal((await s.sessions.history(session.sessionId)).length, 1);
  assert.equal((await s.sessions.list({})).total, 1);
  assert.equal(await s.sessions.delete('operator', 'agent:main:main'), true);
  assert.equal((await s.sessions.history(session.sessionId)).length, 0);
  assert.equal(await s.sessions.delete('operator', 'agent:main:main'), false);
});

test('a list filters, searches without patterns, and pins first', async () => {
  using s = await store();
  for (const key of ['agent:main:alpha', 'agent:main:beta', 'agent:dev:gamma'])
    await s.sessions.open('operator', key);
  await s.sessions.patch('operator', 'agent:main:beta', { label: '100% Sure', pinned: true });
  await s.sessions.patch('operator', 'agent:dev:gamma', { archived: true });
  const keys = async (filter: Parameters<typeof s.sessions.list>[0]) =>
    (await s.sessions.list(filter)).sessions.map((row) => row.key);
  assert.equal((await keys({}))[0], 'agent:main:beta');
  assert.deepEqual(await keys({ search: '100%' }), ['agent:main:beta']);
  assert.deepEqual(await keys({ search: '%' }), ['agent:main:beta']);
  assert.deepEqual(await keys({ archived: true }), ['agent:dev:gamma']);
  assert.deepEqual(await keys({ agent: 'main', limit: 1, offset: 1 }), ['agent:main:alpha']);
  assert.equal((await s.sessions.list({ limit: 1 })).total, 3);
});

test('sessions/a label with control characters, and a session that is not there: refused', async () => {
  using s = await store();
  await assert.rejects(s.sessions.patch('operator', 'agent:main:x', { label: 'a' }), {
    code: 'SESSION_NOT_FOUND',
  });
  await s.sessions.open('operator', 'agent:main:x');
  await assert.rejects(s.sessions.patch('operator', 'agent:main:x', { label: 'a\u001b[2J' }), {
    code: 'SESSION_PATCH_INVALID',
  });
});

test('labels of untrusted content only accumulate', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(entry('r1'), [{ ...user('a'), taint: ['untrusted'] }]);
  const { sessionId } = session;
  await s.sessions.log.write({ runId: 'r1', sessionId, taint: ['private'] });
  await s.sessions.log.write({ runId: 'r1', sessionId, messages: [user('b')], taint: [] });
  assert.deepEqual((await s.sessions.findById(sessionId))?.taint, ['private', 'untrusted']);
});

test('the context begins with the last summary and always holds the last user message', async () => {
  using s = await store();
  const { session } = await s.sessions.log.begin(entry('r1'), [user('a'), user('b')]);
  const { sessionId } = session;
  await s.sessions.log.write({
    runId: 'r1',
    sessionId,
    messages: [{ role: 'summary', content: 'sum', upTo: 2, taint: [] }],
  });
  assert.deepEqual(
    (await s.sessions.log.context(sessionId)).map((row) => [row.role, row.seq]),
    [
      ['summary', 3],
      ['user', 2],
    ],
  );
  await s.sessions.log.write({ runId: 'r1', sessionId, messages: [user('c')] });
  assert.deepEqual(
    (await s.sessions.log.context(sessionId)).map((row) => [row.role, row.seq]),
    [
      ['summary', 3],
      ['user', 4],
    ],
  );
});

test('a preview is one short line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      const preview = previewOf(user(text)) ?? '';
      assert.ok(Array.from(preview).length <= MAX_PREVIEW);
      assert.ok(!preview.includes('\n'));
    }),
  );
});
