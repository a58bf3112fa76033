import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import OpenAI from 'openai';
import { GatehouseError } from '../../../kernel/index.ts';
import { type FakeOperation, testGateway } from '../testing/gateway.ts';

const AGENTS: FakeOperation = {
  id: 'agents.list',
  scope: 'operator.read',
  run: () => ({ defaultAgent: 'main', agents: [{ id: 'main' }, { id: 'helper' }] }),
};

const RESULT = { text: 'It is sunny.', usage: { inputTokens: 7, outputTokens: 3 }, stopReason: 'stop' };

/** A turn that calls a tool between two pieces of text. */
const RUN: FakeOperation = {
  id: 'agent.run',
  scope: 'operator.write',
  streams: true,
  async run(input, _caller, { emit, signal }) {
    const { message, agent } = input as { message: string; agent?: string };
    if (agent === 'nobody') throw new GatehouseError('OP_AGENT_UNKNOWN', 'unknown agent', { status: 404 });
    emit?.({ type: 'started' });
    if (message === 'wait') {
      await once(signal ?? assert.fail('no signal'), 'abort');
      return RESULT;
    }
    emit?.({ type: 'text', delta: 'It is ' });
    emit?.({ type: 'tool.requested', tool: 'shell', args: { command: 'SECRET-COMMAND' } });
    emit?.({ type: 'tool.finished', tool: 'shell', text: 'SECRET-OUTPUT' });
    if (message === 'fail')
      throw new GatehouseError('MODEL_UNAVAILABLE', 'the model is away', { status: 502 });
    emit?.({ type: 'text', delta: 'sunny.' });
    return RESULT;
  },
};

async function gateway(operations: readonly FakeOperation[] = [AGENTS, RUN]) {
  const base = await testGateway({ operations });
  const apiKey = await base.issue('sdk', ['operator.write']);
  const client = (key = apiKey) => new OpenAI({ apiKey: key, baseURL: `${base.url}/v1`, maxRetries: 0 });
  const inputs = () =>
    base.calls.filter(({ id }) => id === 'agent.run').map(({ input }) => input as Record<string, unknown>);
  return { ...base, apiKey, client, inputs };
}

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const HI = [{ role: 'user' as const, content: 'How is the weather?' }];

test('the OpenAI SDK lists agents as models and reads one of them', async () => {
  await using base = await gateway();
  const ids = (await base.client().models.list()).data.map(({ id }) => id);
  assert.deepEqual(ids, ['openclaw', 'openclaw/default', 'openclaw/main', 'openclaw/helper']);
  for (const id of ['openclaw', 'openclaw/main', 'gatehouse/helper', 'gatehouse', 'default']) {
    assert.equal((await base.client().models.retrieve(id)).id, id);
  }
  await assert.rejects(base.client().models.retrieve('gpt-4o'), { status: 400 });
  await assert.rejects(base.client().models.retrieve('openclaw/nobody'), { status: 400 });
});

test('the OpenAI SDK gets an answer in one piece, with usage', async () => {
  await using base = await gateway();
  const answer = await base.client().chat.completions.create({ model: 'openclaw/helper', messages: HI });
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.model, 'openclaw/helper');
  assert.equal(answer.choices[0]?.message.content, 'It is sunny.');
  assert.equal(answer.choices[0]?.finish_reason, 'stop');
  assert.deepEqual(answer.usage, { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });
  assert.equal(base.inputs()[0]?.['agent'], 'helper');
  assert.equal(base.inputs()[0]?.['message'], 'How is the weather?');
});

test('the OpenAI SDK streams text, while the tool calls of the agent stay hidden', async () => {
  await using base = await gateway();
  const stream = await base.client().chat.completions.create({
    model: 'gatehouse',
    messages: HI,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = await collected(stream);
  assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'It is sunny.');
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop');
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.equal(chunks.at(-1)?.usage?.total_tokens, 10);
  assert.ok(!JSON.stringify(chunks).includes('SECRET'));
  assert.ok(chunks.every((chunk) => chunk.choices[0]?.delta.tool_calls === undefined));
});

test('a stream begins before there is any text, ends with [DONE], and is not cached', async () => {
  await using base = await gateway();
  const answer = await fetch(`${base.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${base.apiKey}` },
    body: JSON.stringify({ messages: HI, stream: true }),
  });
  assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const text = await answer.text();
  assert.match(text, /^data: \{[^\n]*"role":"assistant"/);
  assert.ok(text.endsWith('data: [DONE]\n\n'));
});

test('a client that goes away ends the turn', async () => {
  let ended = (): void => {};
  const stopped = new Promise<void>((resolve) => (ended = resolve));
  const run: FakeOperation = {
    ...RUN,
    async run(input, caller, options) {
      options.signal?.addEventListener('abort', () => ended());
      return RUN.run(input, caller, options);
    },
  };
  await using base = await gateway([AGENTS, run]);
  const messages = [{ role: 'user' as const, content: 'wait' }];
  const stream = await base.client().chat.completions.create({ model: 'openclaw', messages, stream: true });
  for await (const _ of stream) break;
  await stopped;
});

test('a failure in the middle of a stream reaches the SDK as an error', async () => {
  await using base = await gateway();
  const messages = [{ role: 'user' as const, content: 'fail' }];
  const stream = await base.client().chat.completions.create({ model: 'openclaw', messages, stream: true });
  await assert.rejects(collected(stream), /the model is away/);
  await assert.rejects(base.client().chat.completions.create({ model: 'openclaw', messages }), {
    status: 502,
    type: 'api_error',
    code: 'MODEL_UNAVAILABLE',
  });
});

test('http/the OpenAI API without a valid token, or with one that may only read: refused in its own form', async () => {
  await using base = await gateway();
  await assert.rejects(base.client('wrong').models.list(), { status: 401, type: 'unauthorized' });
  const reader = base.client(await base.issue('reader', ['operator.read']));
  await assert.rejects(
    reader.chat.completions.create({ model: 'openclaw', messages: HI }),
    (error: object) => {
      const { status, error: body } = error as { status: number; error: { details: object } };
      assert.deepEqual(body.details, {
        code: 'MISSING_SCOPE',
        missingScope: 'operator.write',
        requiredScopes: ['operator.write'],
      });
      return status === 403;
    },
  );
  assert.deepEqual(base.inputs(), []);
});

test('without a user the transcript is all there is; with one, or a session key, the session remembers', async () => {
  await using base = await gateway();
  const messages = [
    { role: 'system' as const, content: 'Be brief.' },
    { role: 'user' as const, content: 'One' },
    { role: 'assistant' as const, content: 'Two' },
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'Three' }] },
  ];
  const create = (more: object, headers: Record<string, string> = {}) =>
    base.client().chat.completions.create({ model: 'openclaw', messages, ...more }, { headers });
  await create({});
  await create({});
  await create({ user: 'kim' });
  await create({ user: 'kim' });
  await create({}, { 'x-openclaw-session-key': 'work', 'x-openclaw-agent-id': 'helper' });
  const [first, second, kim, again, named] = base.inputs();
  assert.equal(first?.['message'], 'Three');
  assert.deepEqual(first?.['history'], [
    { role: 'user', content: '[Instructions from the caller of this API]\nBe brief.' },
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
  ]);
  assert.notEqual(first?.['sessionKey'], second?.['sessionKey']);
  assert.equal(kim?.['sessionKey'], again?.['sessionKey']);
  assert.equal(kim?.['history'], undefined);
  assert.equal(kim?.['message'], '[Instructions from the caller of this API]\nBe brief.\n\nThree');
  assert.equal(named?.['sessionKey'], 'work');
  assert.equal(named?.['agent'], 'helper');
});

const REFUSED: readonly (readonly [object, string])[] = [
  [{ n: 2 }, 'n'],
  [{ stop: ['x'] }, 'stop'],
  [{ logprobs: true }, 'logprobs'],
  [{ response_format: { type: 'json_object' } }, 'response_format'],
  [{ functions: [{ name: 'f' }] }, 'functions'],
  [{ temperature: 2.1 }, 'temperature'],
  [{ max_tokens: 0 }, 'max_tokens'],
  [{ model: 'gpt-4o' }, 'model'],
  [{ model: 'openclaw/nobody' }, 'model'],
  [{ tools: [{ type: 'web_search' }] }, 'tools[0]'],
  [{ tool_choice: 'maybe' }, 'tool_choice'],
  [{ stream_options: { include_usage: true } }, 'stream_options'],
  [{ messages: [] }, 'messages'],
  [{ messages: [{ role: 'system', content: 'x' }] }, 'messages'],
  [
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    },
    'messages',
  ],
  [{ messages: [{ role: 'root', content: 'x' }] }, 'messages[0].role'],
  [
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    'messages[0].content[0]',
  ],
];

test('a parameter that cannot be met is 400 with its name', async () => {
  await using base = await gateway();
  for (const [change, param] of REFUSED) {
    const call = base
      .client()
      .chat.completions.create({ model: 'openclaw', messages: HI, ...change } as never);
    await assert.rejects(call, { status: 400, type: 'invalid_request_error', param }, JSON.stringify(change));
  }
  const headers = { 'x-openclaw-session-key': 'agent:main:subagent:1' };
  const internal = base.client().chat.completions.create({ model: 'openclaw', messages: HI }, { headers });
  await assert.rejects(internal, { status: 400 });
});

test('functions of the caller are accepted and never called; insisting on one is 502', async () => {
  await using base = await gateway();
  const tools = [{ type: 'function' as const, function: { name: 'f', parameters: {} } }];
  const answer = await base.client().chat.completions.create({ model: 'openclaw', messages: HI, tools });
  assert.equal(answer.choices[0]?.message.tool_calls, undefined);
  const forced = base
    .client()
    .chat.completions.create({ model: 'openclaw', messages: HI, tools, tool_choice: 'required' });
  await assert.rejects(forced, { status: 502, type: 'api_error' });
});

test('switched off, the OpenAI API does not exist', async () => {
  await using base = await testGateway({ operations: [AGENTS, RUN], parts: { openai: () => false } });
  const answer = await fetch(`${base.url}/v1/models`);
  assert.equal(answer.status, 404);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
});
