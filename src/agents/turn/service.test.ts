import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVERYTHING, harness } from '../testing/harness.ts';
import { asks, fakeModel } from '../testing/model.ts';
import { MAX_MESSAGE_BYTES } from './accept.ts';
import { MAX_QUEUED } from './lanes.ts';

const MAIN = ['operator', 'agent:main:main'] as const;

test('the same key while the turn runs is in flight, and afterwards the earlier outcome', async () => {
  const gate = Promise.withResolvers<void>();
  const model = fakeModel('fake', { text: 'once', until: gate.promise });
  await using h = await harness({ providers: [model] });
  const first = await h.start('hi', { idempotencyKey: 'k1' });
  const second = await h.start('hi', { idempotencyKey: 'k1' });
  assert.deepEqual([first.status, second.status, second.runId], ['started', 'in_flight', 'k1']);
  gate.resolve();
  await first.done;
  const third = await h.start('hi', { idempotencyKey: 'k1' });
  assert.equal(third.status, 'ok');
  const after = await h.restart([model]).start({
    space: 'operator',
    sessionKey: 'agent:main:main',
    message: 'hi',
    idempotencyKey: 'k1',
    subject: { principal: 'p' },
    authority: EVERYTHING,
    trace: 't',
  });
  assert.equal(after.status, 'ok');
  assert.equal((await after.done).status, 'ok');
  assert.equal(model.requests.length, 1);
});

test('turns/a key that names another message or belongs to another space: refused', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  await h.say('hi', { idempotencyKey: 'k1' });
  await assert.rejects(h.start('other', { idempotencyKey: 'k1' }), { code: 'TURN_KEY_REUSED' });
  await assert.rejects(h.start('hi', { idempotencyKey: 'k1', space: 'mallory' }), {
    code: 'TURN_KEY_REUSED',
  });
  assert.equal(h.turns.spaceOf('k1'), 'operator');
});

for (const [name, more, code] of [
  ['an empty message', { message: ' ' }, 'TURN_MESSAGE_INVALID'],
  ['a message past the limit', { message: 'x'.repeat(MAX_MESSAGE_BYTES + 1) }, 'TURN_MESSAGE_INVALID'],
  ['a key with control characters', { idempotencyKey: 'a\nb' }, 'TURN_KEY_INVALID'],
  ['a session key that is not canonical', { sessionKey: 'main' }, 'SESSION_KEY_INVALID'],
  ['an agent that does not exist', { sessionKey: 'agent:ghost:main' }, 'TURN_AGENT_UNKNOWN'],
  ['a model that the agent does not have', { model: 'other/big' }, 'MODEL_UNKNOWN'],
] as const) {
  test(`turns/${name}: refused`, async () => {
    const model = fakeModel('fake');
    await using h = await harness({ providers: [model] });
    await assert.rejects(h.start('hi', more), { code });
    assert.equal(model.requests.length, 0);
    assert.equal((await h.sessions.list({})).total, 0);
  });
}

test('a message of exactly the limit is taken', async () => {
  await using h = await harness({
    providers: [fakeModel('fake')],
    turn: { contextTokens: 200_000, tokens: 500_000 },
  });
  assert.equal((await h.say('x'.repeat(MAX_MESSAGE_BYTES))).status, 'ok');
});

test('a message to a busy session waits its turn, in order, up to the limit of the queue', async () => {
  const gate = Promise.withResolvers<void>();
  const model = fakeModel('fake', { text: 'first', until: gate.promise });
  await using h = await harness({ providers: [model] });
  const handles = [await h.start('m0')];
  for (let index = 1; index <= MAX_QUEUED; index += 1) handles.push(await h.start(`m${index}`));
  await assert.rejects(h.start('one too many'), { code: 'TURN_BUSY' });
  await assert.rejects(h.start('not patient', { whenBusy: 'refuse' }), { code: 'TURN_BUSY' });
  assert.equal(h.turns.inFlight(...MAIN)?.runId, handles[0]?.runId);
  gate.resolve();
  const outcomes = await Promise.all(handles.map((handle) => handle.done));
  assert.ok(outcomes.every((outcome) => outcome.status === 'ok'));
  const rows = await h.sessions.history((await h.sessions.find(...MAIN))?.sessionId ?? '');
  const said = rows.flatMap((row) =>
    row.role === 'user' && row.content[0]?.type === 'text' ? [row.content[0].text] : [],
  );
  assert.deepEqual(said, ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8']);
  assert.deepEqual(
    rows.map((row) => row.seq),
    rows.map((_, index) => index + 1),
  );
});

test('an abort ends a run in the sandbox, keeps the conversation whole and starts nothing else', async () => {
  const model = fakeModel('fake', {
    calls: [
      { name: 'shell', arguments: { command: 'sleep 30' } },
      { name: 'write', arguments: { path: 'later', content: 'x' } },
    ],
  });
  await using h = await harness({ providers: [model] });
  const handle = await h.start('sleep');
  await h.next('tool.started');
  assert.deepEqual(await h.turns.abort(...MAIN), [handle.runId]);
  const outcome = await handle.done;
  assert.equal(outcome.status, 'aborted');
  assert.equal(existsSync(join(h.workspace, 'later')), false);
  const session = await h.sessions.find(...MAIN);
  assert.equal(session?.status, 'aborted');
  const rows = await h.sessions.history(session?.sessionId ?? '');
  assert.deepEqual(
    rows.map((row) => row.role),
    ['user', 'assistant', 'toolResult', 'toolResult'],
  );
  assert.deepEqual(
    h.events
      .filter((event) => ['finished', 'aborted', 'failed'].includes(event.type))
      .map((event) => event.type),
    ['aborted'],
  );
  model.push({ text: 'still here' });
  assert.equal((await h.say('again')).status, 'ok');
});

test('an abort of a provider that does not listen ends the turn all the same and keeps what was said', async () => {
  await using h = await harness({ providers: [fakeModel('fake', { text: 'half', hangs: true })] });
  const handle = await h.start('hi');
  await h.next('text');
  assert.equal(h.turns.inFlight(...MAIN)?.text, 'half');
  await h.turns.abort(...MAIN, handle.runId);
  const outcome = await handle.done;
  assert.equal(outcome.status === 'aborted' && outcome.text, 'half');
  assert.equal((await h.sessions.find(...MAIN))?.lastMessagePreview, 'half');
});

test('an abort while a person is asked withdraws the approval', async () => {
  await using h = await harness({ providers: [fakeModel('fake', asks('shell', { command: 'touch x' }))] });
  const handle = await h.start('hi');
  const asked = await h.next('tool.approval');
  await h.turns.abort(...MAIN);
  assert.equal((await handle.done).status, 'aborted');
  assert.equal((await h.approvals.get(asked.approvalId))?.status, 'cancelled');
});

test('an abort of another space touches nothing', async () => {
  const gate = Promise.withResolvers<void>();
  await using h = await harness({ providers: [fakeModel('fake', { text: 'ok', until: gate.promise })] });
  const handle = await h.start('hi');
  assert.deepEqual(await h.turns.abort('mallory', 'agent:main:main', handle.runId), []);
  gate.resolve();
  assert.equal((await handle.done).status, 'ok');
});

test('an abort takes a queued message out of the queue', async () => {
  const gate = Promise.withResolvers<void>();
  const model = fakeModel('fake', { text: 'ok', until: gate.promise });
  await using h = await harness({ providers: [model] });
  const first = await h.start('one');
  const second = await h.start('two');
  assert.deepEqual(await h.turns.abort(...MAIN, second.runId), [second.runId]);
  gate.resolve();
  assert.deepEqual([(await first.done).status, (await second.done).status], ['ok', 'aborted']);
  assert.equal(model.requests.length, 1);
});

test('auth/a turn whose credential was revoked, running or waiting: ended, and nobody else notices', async () => {
  const gate = Promise.withResolvers<void>();
  const model = fakeModel('fake', { text: 'ok', until: gate.promise });
  await using h = await harness({ providers: [model] });
  const first = await h.start('one');
  const second = await h.start('two');
  assert.deepEqual(await h.turns.abortPrincipal('somebody-else'), []);
  assert.deepEqual(await h.turns.abortPrincipal('p'), [first.runId, second.runId]);
  assert.deepEqual([(await first.done).status, (await second.done).status], ['aborted', 'aborted']);
  assert.equal(model.requests.length, 1);
  gate.resolve();
});

test('limits/more model calls than a turn may make: refused', async () => {
  const endless = Array.from({ length: 5 }, () => asks('list', {}));
  const model = fakeModel('fake', ...endless);
  await using h = await harness({ providers: [model], turn: { steps: 3 } });
  const outcome = await h.say('go');
  assert.equal(outcome.status === 'error' && outcome.code, 'TURN_STEP_LIMIT');
  assert.equal(model.requests.length, 3);
});

test('limits/more tokens than a turn may use: refused', async () => {
  const usage = { inputTokens: 600, outputTokens: 400 };
  const model = fakeModel('fake', { ...asks('list', {}), usage }, { text: 'never' });
  await using h = await harness({ providers: [model], turn: { tokens: 1_000 } });
  const outcome = await h.say('go');
  assert.equal(outcome.status === 'error' && outcome.code, 'TURN_TOKEN_LIMIT');
  assert.equal(model.requests.length, 1);
});

test('limits/a model that would not stop talking: refused', async () => {
  const model = fakeModel('fake', { text: Array.from({ length: 100 }, () => 'x'.repeat(1_000)) });
  await using h = await harness({ providers: [model], turn: { tokens: 1_000 } });
  const outcome = await h.say('go');
  assert.equal(outcome.status === 'error' && outcome.code, 'TURN_TOKEN_LIMIT');
  assert.ok(h.events.filter((event) => event.type === 'text').length < 12);
});

test('limits/a turn that takes longer than it may: refused', async () => {
  await using h = await harness({ providers: [fakeModel('fake', { hangs: true })], turn: { wallMs: 30 } });
  const outcome = await h.say('go');
  assert.equal(outcome.status === 'error' && outcome.code, 'TURN_TIMEOUT');
  assert.equal(outcome.status === 'error' && outcome.errorKind, 'timeout');
});

test('waiting for a person does not count as time of the turn', async () => {
  await using h = await harness({
    providers: [fakeModel('fake', asks('shell', { command: 'touch x' }))],
    turn: { wallMs: 1_000, approvalMs: 1_100 },
  });
  const outcome = await h.say('go');
  assert.equal(outcome.status, 'ok');
});

test('a stateless run answers from its own history and leaves nothing behind', async () => {
  const model = fakeModel('fake', { text: 'four' });
  await using h = await harness({ providers: [model] });
  const history = [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'I count.' },
    { role: 'assistant', content: 'Go on.' },
  ] as const;
  const outcome = await h.say('two and two?', { history });
  assert.equal(outcome.status === 'ok' && outcome.text, 'four');
  assert.deepEqual(
    model.requests[0]?.messages.map((message) => message.role),
    ['user', 'assistant', 'user'],
  );
  assert.match(model.requests[0]?.system ?? '', /Be short\.$/);
  assert.equal((await h.sessions.list({})).total, 0);
  const first = h.events[0];
  assert.equal(await h.sessions.findById(first?.sessionId ?? ''), undefined);
});

test('wait gives the outcome when there is one, and nothing before that', async () => {
  const gate = Promise.withResolvers<void>();
  await using h = await harness({ providers: [fakeModel('fake', { text: 'ok', until: gate.promise })] });
  const handle = await h.start('hi');
  assert.equal(await h.turns.wait(handle.runId, 0), undefined);
  gate.resolve();
  assert.equal((await h.turns.wait(handle.runId, 5_000))?.status, 'ok');
  assert.equal(await h.turns.wait('unknown', 0), undefined);
});

test('models/a session that names a model which its agent does not have: the agent chooses', async () => {
  const model = fakeModel('fake', { text: 'ok' });
  await using h = await harness({ providers: [model, fakeModel('second')] });
  await h.sessions.open(...MAIN);
  await h.sessions.patch(...MAIN, { model: 'other/big' });
  assert.equal((await h.say('hi')).status, 'ok');
  assert.equal(model.requests.length, 1);
  await h.sessions.patch(...MAIN, { model: 'second/m' });
  const outcome = await h.say('hi');
  assert.equal(outcome.status === 'ok' && outcome.model, 'second/m');
});

test('a tool that is invoked alone obeys the same rules, and waits for nobody', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  const invoke = (tool: string, args: unknown, key = crypto.randomUUID()) =>
    h.turns.invokeTool(
      {
        space: 'operator',
        sessionKey: 'agent:main:main',
        idempotencyKey: key,
        subject: { principal: 'p' },
        authority: EVERYTHING,
        trace: 't',
        tool,
        args,
      },
      new AbortController().signal,
    );
  assert.deepEqual(await invoke('shell', { command: 'echo hi' }), { isError: false, text: 'hi\n' });
  assert.equal((await invoke('shell', { command: 'rm x' })).code, 'EXEC_COMMAND_NOT_ALLOWED');
  const asked = await invoke('shell', { command: 'touch x' });
  assert.equal(asked.code, 'TOOL_APPROVAL_REQUIRED');
  assert.equal(existsSync(join(h.workspace, 'x')), false);
  await h.approvals.resolve(asked.requiresApproval ?? '', 'allow-once', { principal: 'operator' });
  assert.equal((await invoke('shell', { command: 'touch x' })).isError, false);
  assert.equal(existsSync(join(h.workspace, 'x')), true);
  assert.equal((await invoke('shell', { command: 'touch x' })).code, 'TOOL_APPROVAL_REQUIRED');
});

test('the tools of an agent are those that its playbook does not forbid', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  assert.deepEqual(
    h.turns.tools('main').map((tool) => tool.name),
    ['shell', 'read', 'write', 'edit', 'list', 'search', 'web_fetch'],
  );
  assert.throws(() => h.turns.tools('ghost'), { code: 'TURN_AGENT_UNKNOWN' });
});
