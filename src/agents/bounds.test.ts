import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sandbox } from '../kernel/index.ts';
import { MAX_PROVIDER_TEXT, MAX_RETRY_AFTER_MS, modelError, retryAfter } from './providers/failures.ts';
import { MAX_SCRIPT_STEPS, parseRehearsalScript } from './providers/rehearsal-script.ts';
import { canonicalKey, MAX_KEY_LENGTH } from './sessions/keys.ts';
import { MAX_CONTEXT_ROWS } from './sessions/log.ts';
import { MAX_LABEL, MAX_PAGE } from './sessions/service.ts';
import { EVERYTHING, type Harness, harness } from './testing/harness.ts';
import { asks, fakeModel } from './testing/model.ts';
import { MAX_ENTRIES } from './tools/list.ts';
import { MAX_LINES } from './tools/read.ts';
import { MAX_HITS } from './tools/search.ts';
import { MAX_COMMAND, MAX_TIMEOUT_MS } from './tools/shell.ts';
import { MAX_URL } from './tools/web-fetch.ts';
import { MAX_HISTORY_BYTES, MAX_RUN_KEY } from './turn/accept.ts';
import { MAX_SUMMARY_CHARS } from './turn/compaction.ts';
import { MAX_STEP_CALLS, MAX_STEP_CHARS } from './turn/model-call.ts';
import { MAX_ATTEMPTS } from './turn/model-step.ts';
import { MAX_PARALLEL_TOOLS } from './turn/tools.ts';

const MAIN = ['operator', 'agent:main:main'] as const;
const ROOMY = { tokens: 10_000_000, contextTokens: 10_000_000 };

async function call(h: Harness, tool: string, args: unknown) {
  const request = {
    space: 'operator',
    sessionKey: 'agent:main:main',
    idempotencyKey: crypto.randomUUID(),
    subject: { principal: 'p' },
    authority: EVERYTHING,
    trace: 't',
    tool,
    args,
  };
  return h.turns.invokeTool(request, new AbortController().signal);
}

test('a session key may be as long as the limit of its name, and no longer', () => {
  const longest = `agent:main:${'x'.repeat(192)}`;
  assert.equal(canonicalKey(longest, 'main'), longest);
  assert.throws(() => canonicalKey(`${longest}x`, 'main'), { code: 'SESSION_KEY_INVALID' });
  assert.throws(() => canonicalKey('x'.repeat(MAX_KEY_LENGTH + 1), 'main'), { code: 'SESSION_KEY_INVALID' });
});

test('labels and pages end at their limits', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  const { sessionId } = await h.sessions.open(...MAIN);
  assert.equal((await h.sessions.patch(...MAIN, { label: 'x'.repeat(MAX_LABEL) })).label?.length, MAX_LABEL);
  await assert.rejects(h.sessions.patch(...MAIN, { label: 'x'.repeat(MAX_LABEL + 1) }), {
    code: 'SESSION_PATCH_INVALID',
  });
  const rows = Array.from({ length: MAX_PAGE + 1 }, () => ({
    role: 'user' as const,
    content: [],
    taint: [],
  }));
  await h.sessions.log.write({ runId: 'r', sessionId, messages: rows });
  assert.equal((await h.sessions.history(sessionId, { limit: MAX_PAGE + 1 })).length, MAX_PAGE);
});

test('a turn looks at the newest rows when there are more than it takes', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  const { sessionId } = await h.sessions.open(...MAIN);
  const row = { role: 'user' as const, content: [], taint: [] };
  for (let left = MAX_CONTEXT_ROWS + 1; left > 0; left -= 2_000) {
    const messages = Array.from({ length: Math.min(left, 2_000) }, () => row);
    await h.sessions.log.write({ runId: 'r', sessionId, messages });
  }
  const context = await h.sessions.log.context(sessionId);
  assert.deepEqual([context.length, context[0]?.seq], [MAX_CONTEXT_ROWS, 2]);
});

test('idempotency keys and stateless histories end at their limits', async () => {
  await using h = await harness({ providers: [fakeModel('fake')], turn: ROOMY });
  assert.equal((await h.say('hi', { idempotencyKey: 'k'.repeat(MAX_RUN_KEY) })).status, 'ok');
  await assert.rejects(h.say('hi', { idempotencyKey: 'k'.repeat(MAX_RUN_KEY + 1) }), {
    code: 'TURN_KEY_INVALID',
  });
  const history = (size: number) => [{ role: 'user', content: 'x'.repeat(size) }] as const;
  assert.equal((await h.say('hi', { history: history(MAX_HISTORY_BYTES) })).status, 'ok');
  await assert.rejects(h.say('hi', { history: history(MAX_HISTORY_BYTES + 1) }), {
    code: 'TURN_MESSAGE_INVALID',
  });
});

test('one step may ask for so many tools, and no more', async () => {
  const calls = (count: number) => Array.from({ length: count }, () => ({ name: 'nothing', arguments: {} }));
  const model = fakeModel(
    'fake',
    { calls: calls(MAX_STEP_CALLS) },
    { text: 'ok' },
    { calls: calls(MAX_STEP_CALLS + 1) },
  );
  await using h = await harness({ providers: [model], turn: ROOMY });
  assert.equal((await h.say('many')).status, 'ok');
  const outcome = await h.say('too many');
  assert.equal(outcome.status === 'error' && outcome.code, 'MODEL_BAD_RESPONSE');
  assert.equal(h.ledger.of('tool.call').length, MAX_STEP_CALLS);
});

test('one step may say so much, and no more', async () => {
  const model = fakeModel(
    'fake',
    { text: 'x'.repeat(MAX_STEP_CHARS) },
    { text: ['x'.repeat(MAX_STEP_CHARS), 'x'] },
  );
  await using h = await harness({ providers: [model], turn: ROOMY });
  assert.equal((await h.say('long')).status, 'ok');
  const outcome = await h.say('longer', { sessionKey: 'agent:main:other' });
  assert.equal(outcome.status === 'error' && outcome.code, 'MODEL_BAD_RESPONSE');
});

test('reads run beside each other, as many as the limit', async () => {
  let now = 0;
  let most = 0;
  const counted = (real: Sandbox): Sandbox => ({
    ...real,
    async run(...args) {
      most = Math.max(most, ++now);
      try {
        return await real.run(...args);
      } finally {
        now -= 1;
      }
    },
  });
  const calls = Array.from({ length: MAX_PARALLEL_TOOLS + 2 }, () => ({ name: 'list', arguments: {} }));
  await using h = await harness({ providers: [fakeModel('fake', { calls })], sandbox: counted });
  assert.equal((await h.say('look')).status, 'ok');
  assert.equal(most, MAX_PARALLEL_TOOLS);
  most = 0;
  const writes = Array.from({ length: 3 }, (_, index) => ({
    name: 'write',
    arguments: { path: `f${index}`, content: '' },
  }));
  await using other = await harness({ providers: [fakeModel('fake', { calls: writes })], sandbox: counted });
  await other.say('write');
  assert.equal(most, 1);
});

test('a model is asked so often, and then given up', async () => {
  const down = modelError({ status: 500 });
  const model = fakeModel('fake', ...Array.from({ length: MAX_ATTEMPTS + 1 }, () => ({ fails: down })));
  await using h = await harness({ providers: [model] });
  const outcome = await h.say('hi');
  assert.equal(outcome.status === 'error' && outcome.code, 'MODEL_UNAVAILABLE');
  assert.equal(model.requests.length, MAX_ATTEMPTS);
});

test('a summary is cut at its limit', async () => {
  const model = fakeModel('fake', { text: 'a '.repeat(3_000) }, { text: 's'.repeat(MAX_SUMMARY_CHARS + 1) });
  await using h = await harness({ providers: [model], turn: { contextTokens: 2_600 } });
  await h.say('first');
  await h.say('second');
  const { sessionId } = await h.sessions.open(...MAIN);
  const summary = (await h.sessions.history(sessionId)).find((row) => row.role === 'summary');
  assert.equal(summary?.role === 'summary' && summary.content.length, MAX_SUMMARY_CHARS);
});

test('lists and searches show so many lines, and say how many more there are', async () => {
  await using h = await harness({ providers: [fakeModel('fake')] });
  for (let index = 0; index <= MAX_ENTRIES; index += 1)
    writeFileSync(join(h.workspace, `f${index}`), 'hit\n');
  const listed = (await call(h, 'list', {})).text.split('\n');
  assert.deepEqual([listed.length, listed.at(-1)], [MAX_ENTRIES + 1, '[1 more entries]']);
  const found = (await call(h, 'search', { pattern: 'hit' })).text.split('\n');
  assert.deepEqual([found.length, found.at(-1)], [MAX_HITS + 1, `[${MAX_ENTRIES + 1 - MAX_HITS} more hits]`]);
});

for (const [tool, good, bad] of [
  [
    'shell',
    { command: `echo ${'x'.repeat(MAX_COMMAND - 5)}` },
    { command: `echo ${'x'.repeat(MAX_COMMAND - 4)}` },
  ],
  [
    'shell',
    { command: 'echo', timeoutMs: MAX_TIMEOUT_MS },
    { command: 'echo', timeoutMs: MAX_TIMEOUT_MS + 1 },
  ],
  ['read', { path: 'f', lines: MAX_LINES }, { path: 'f', lines: MAX_LINES + 1 }],
  [
    'web_fetch',
    { url: `https://evil.example/${'x'.repeat(MAX_URL - 21)}` },
    { url: `https://evil.example/${'x'.repeat(MAX_URL - 20)}` },
  ],
] as const) {
  test(`arguments of ${tool} (${Object.keys(good).join(', ')}) end at their limits`, async () => {
    await using h = await harness({ providers: [fakeModel('fake')] });
    assert.notEqual((await call(h, tool, good)).code, 'TOOL_ARGUMENTS_INVALID');
    assert.equal((await call(h, tool, bad)).code, 'TOOL_ARGUMENTS_INVALID');
  });
}

test("a provider's words and waits are cut at their limits", () => {
  const words = 'ab '.repeat(MAX_PROVIDER_TEXT);
  assert.ok(modelError({ status: 500, text: words }).message.length < MAX_PROVIDER_TEXT + 80);
  assert.equal(retryAfter({ 'retry-after': '60' }, 0), MAX_RETRY_AFTER_MS);
  assert.equal(retryAfter({ 'retry-after': '61' }, 0), MAX_RETRY_AFTER_MS);
  assert.equal(retryAfter({ 'retry-after': 'Thu, 01 Jan 1970 00:00:05 GMT' }, 0), 5_000);
  assert.equal(retryAfter({ 'retry-after': '-5' }, 0), 0);
  assert.equal(retryAfter({ 'retry-after': 'soon' }, 0), undefined);
});

test('a rehearsal script has so many steps, and no more', async () => {
  const script = (steps: number) => JSON.stringify(Array.from({ length: steps }, () => ({ text: 'x' })));
  assert.equal((await parseRehearsalScript(script(MAX_SCRIPT_STEPS))).length, MAX_SCRIPT_STEPS);
  await assert.rejects(parseRehearsalScript(script(MAX_SCRIPT_STEPS + 1)), { code: 'MODEL_SCRIPT_INVALID' });
});

test('an endless output is streamed up to the limit of a run', async () => {
  await using h = await harness({
    providers: [fakeModel('fake', asks('shell', { command: 'cat big big' }))],
  });
  writeFileSync(join(h.workspace, 'big'), 'x'.repeat(200_000));
  await h.say('go');
  const streamed = h.events.reduce(
    (sum, event) => sum + (event.type === 'tool.output' ? event.chunk.length : 0),
    0,
  );
  assert.equal(streamed, 256 * 1024);
});
