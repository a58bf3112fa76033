import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MODEL_CODES } from '../codes.ts';
import { harness } from '../testing/harness.ts';
import { asks, fakeModel } from '../testing/model.ts';

test('a message is answered, streamed cumulatively, stored and recorded', async () => {
  const model = fakeModel('fake', { text: ['Hel', 'lo'] });
  await using h = await harness({ providers: [model] });
  const outcome = await h.say('hi');
  assert.deepEqual(outcome, {
    status: 'ok',
    text: 'Hello',
    stopReason: 'stop',
    usage: { inputTokens: 10, outputTokens: 5 },
    model: 'fake/m',
  });
  const texts = h.events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
  assert.deepEqual(texts, ['Hel', 'Hello']);
  assert.deepEqual(
    h.events.map((event) => event.seq),
    h.events.map((_, index) => index + 1),
  );
  const session = await h.sessions.find('operator', 'agent:main:main');
  assert.equal(session?.status, 'done');
  assert.equal(session?.activeRunId, null);
  assert.equal(session?.inputTokens, 10);
  const rows = await h.sessions.history(session?.sessionId ?? '');
  assert.deepEqual(
    rows.map((row) => [row.seq, row.role]),
    [
      [1, 'user'],
      [2, 'assistant'],
    ],
  );
  assert.deepEqual(
    h.ledger.events.map((event) => event.action),
    ['message.received', 'model.called', 'message.answered'],
  );
  assert.ok(!JSON.stringify(h.ledger.events).includes('Hello'));
});

test('tools run in the sandbox and their results go back to the model', async () => {
  const model = fakeModel(
    'fake',
    asks('write', { path: 'notes/a.txt', content: 'one\ntwo\n' }),
    {
      calls: [
        { name: 'read', arguments: { path: '/workspace/notes/a.txt' } },
        { name: 'list', arguments: { depth: 2 } },
        { name: 'search', arguments: { pattern: 'tw', path: '.' } },
      ],
    },
    asks('edit', { path: 'notes/a.txt', oldText: 'two', newText: 'three' }),
    asks('shell', { command: 'cat notes/a.txt' }),
    { text: 'finished' },
  );
  await using h = await harness({ providers: [model] });
  const outcome = await h.say('work');
  assert.equal(outcome.status, 'ok');
  assert.equal(readFileSync(join(h.workspace, 'notes/a.txt'), 'utf8'), 'one\nthree\n');
  const finished = h.events.flatMap((event) => (event.type === 'tool.finished' ? [event] : []));
  assert.deepEqual(finished.map((event) => event.tool).sort(), [
    'edit',
    'list',
    'read',
    'search',
    'shell',
    'write',
  ]);
  assert.ok(finished.every((event) => !event.isError));
  const text = (tool: string) => finished.find((event) => event.tool === tool)?.text;
  assert.equal(text('read'), 'one\ntwo\n');
  assert.equal(text('list'), 'dir\t4096\tnotes\nfile\t8\tnotes/a.txt');
  assert.equal(text('search'), '/workspace/notes/a.txt:2:two');
  assert.equal(text('shell'), 'one\nthree\n');
  assert.equal(h.ledger.of('tool.started').length, 6);
  assert.equal(h.ledger.of('tool.finished').length, 6);
  const last = model.requests.at(-1)?.messages.at(-1);
  assert.equal(last?.role === 'toolResult' && last.content, 'one\nthree\n');
});

test('a search and a list show nothing that the session may not read', async () => {
  const model = fakeModel('fake', asks('search', { pattern: 'word' }), asks('list', { depth: 3 }));
  await using h = await harness({ providers: [model] });
  writeFileSync(join(h.workspace, 'open.txt'), 'word\n');
  mkdirSync(join(h.workspace, 'private'));
  writeFileSync(join(h.workspace, 'private/secret.txt'), 'word\n');
  await h.say('look');
  const texts = h.events.flatMap((event) => (event.type === 'tool.finished' ? [event.text] : []));
  assert.deepEqual(texts, ['/workspace/open.txt:1:word', 'file\t5\topen.txt']);
});

test('an approved command runs once, after the approval was consumed and recorded', async () => {
  const model = fakeModel('fake', asks('shell', { command: 'touch made' }), { text: 'ok' });
  await using h = await harness({ providers: [model] });
  const handle = await h.start('make it');
  const asked = await h.next('tool.approval');
  assert.equal(asked.commandText, 'touch made');
  assert.equal((await h.sessions.find('operator', 'agent:main:main'))?.status, 'waiting');
  assert.equal(h.runs.length, 0);
  await h.approvals.resolve(asked.approvalId, 'allow-once', { principal: 'operator' });
  assert.equal((await handle.done).status, 'ok');
  assert.equal(readFileSync(join(h.workspace, 'made'), 'utf8'), '');
  assert.equal(h.runs.length, 1);
  assert.equal((await h.approvals.get(asked.approvalId))?.status, 'consumed');
  assert.equal(h.ledger.of('tool.started')[0]?.data?.['approval'], asked.approvalId);
});

test('a failing provider is tried again with growing waits, then the next model answers', async () => {
  const down = MODEL_CODES.error('MODEL_UNAVAILABLE', undefined, { details: { retryable: true } });
  const first = fakeModel('first', { fails: down }, { fails: down }, { fails: down });
  const second = fakeModel('second', { text: 'from the second' });
  await using h = await harness({ providers: [first, second] });
  const outcome = await h.say('hi');
  assert.equal(outcome.status === 'ok' && outcome.model, 'second/m');
  assert.equal(first.requests.length, 3);
  assert.equal(h.sleeps.length, 2);
  assert.ok(h.sleeps.every((ms, index) => ms >= 250 * 2 ** index && ms <= 500 * 2 ** index));
  assert.equal(h.ledger.of('model.called').filter((event) => event.outcome === 'failure').length, 3);
});

test('a provider that says when to come back is not asked earlier', async () => {
  const limited = MODEL_CODES.error('MODEL_RATE_LIMITED', undefined, {
    details: { retryable: true, retryAfterMs: 7_000 },
  });
  const model = fakeModel('fake', { fails: limited }, { text: 'ok' });
  await using h = await harness({ providers: [model] });
  assert.equal((await h.say('hi')).status, 'ok');
  assert.deepEqual(h.sleeps, [7_000]);
});

test('after text was streamed nothing is tried again and nothing is said twice', async () => {
  const down = MODEL_CODES.error('MODEL_UNAVAILABLE', undefined, { details: { retryable: true } });
  const first = fakeModel('first', { text: 'half an ans', fails: down });
  const second = fakeModel('second');
  await using h = await harness({ providers: [first, second] });
  const outcome = await h.say('hi');
  assert.equal(outcome.status === 'error' && outcome.code, 'MODEL_UNAVAILABLE');
  assert.match(outcome.status === 'error' ? outcome.message : '', /^[a-z]+\/\S+: /, 'it names the provider');
  assert.equal(second.requests.length, 0);
  const session = await h.sessions.find('operator', 'agent:main:main');
  assert.equal(session?.lastMessagePreview, 'half an ans');
  assert.equal(session?.status, 'failed');
});

test('a long conversation is summarised by the model and the last user message stays', async () => {
  const model = fakeModel('fake', { text: 'a '.repeat(3_000) }, { text: 'the summary' }, { text: 'short' });
  await using h = await harness({ providers: [model], turn: { contextTokens: 2_600 } });
  await h.say('first question');
  assert.equal((await h.say('second question')).status, 'ok');
  const last = model.requests.at(-1);
  assert.deepEqual(
    last?.messages.map((message) => message.role),
    ['summary', 'user'],
  );
  const rows = await h.sessions.history(
    (await h.sessions.find('operator', 'agent:main:main'))?.sessionId ?? '',
  );
  const summary = rows.find((row) => row.role === 'summary');
  assert.equal(summary?.role === 'summary' && summary.content, 'the summary');
  assert.deepEqual(
    rows.map((row) => row.seq),
    [1, 2, 3, 4, 5],
  );
});

test('when the model cannot summarise, earlier messages are left out and the turn goes on', async () => {
  const broken = MODEL_CODES.error('MODEL_BAD_RESPONSE');
  const model = fakeModel('fake', { text: 'a '.repeat(3_000) }, { fails: broken }, { text: 'short' });
  await using h = await harness({ providers: [model], turn: { contextTokens: 2_600 } });
  await h.say('first question');
  const outcome = await h.say('second question');
  assert.equal(outcome.status === 'ok' && outcome.text, 'short');
  assert.equal(model.requests.at(-1)?.messages.at(-1)?.role, 'user');
});

test('a provider that finds the context too long gets a shorter one', async () => {
  const long = MODEL_CODES.error('MODEL_CONTEXT_LENGTH');
  const model = fakeModel(
    'fake',
    { text: 'one' },
    { text: 'two' },
    { fails: long },
    { text: 'sum' },
    { text: 'ok' },
  );
  await using h = await harness({ providers: [model], turn: { contextTokens: 100_000 } });
  await h.say('x'.repeat(60_000));
  await h.say('y'.repeat(60_000));
  const outcome = await h.say('third');
  assert.equal(outcome.status === 'ok' && outcome.text, 'ok');
  const last = model.requests.at(-1)?.messages ?? [];
  assert.equal(last[0]?.role, 'summary');
  assert.equal(last.at(-1)?.role, 'user');
});
