import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScriptedStep, startScriptedModel } from '../../../test/fixtures/scripted-model.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { ModelEvent, ModelProvider, ModelRequest, StoredMessage } from '../types.ts';
import { createAiSdkProvider } from './ai-sdk.ts';

const APIS = ['openai-completions', 'anthropic-messages'] as const;
const PLACEHOLDER = '{{secret:models.providers.test.apiKey}}';

const row = { at: 0, run: 'r', taint: [] } as const;
const CONVERSATION: readonly StoredMessage[] = [
  { ...row, id: 's', seq: 1, role: 'summary', content: 'before', upTo: 0 },
  { ...row, id: 'u', seq: 2, role: 'user', content: [{ type: 'text', text: 'look' }] },
  {
    ...row,
    id: 'a',
    seq: 3,
    role: 'assistant',
    model: 'x/y',
    content: [
      { type: 'text', text: 'I look.' },
      { type: 'toolCall', id: 'c1', name: 'list', arguments: { path: '.' } },
      { type: 'toolCall', id: 'c2', name: 'read', arguments: 'not an object' },
    ],
  },
  {
    ...row,
    id: 't1',
    seq: 4,
    role: 'toolResult',
    toolCallId: 'c1',
    toolName: 'list',
    content: 'a.txt',
    isError: false,
  },
  {
    ...row,
    id: 't2',
    seq: 5,
    role: 'toolResult',
    toolCallId: 'c2',
    toolName: 'read',
    content: 'bad',
    isError: true,
  },
];

function request(messages: readonly StoredMessage[] = CONVERSATION): ModelRequest {
  const parameters = { type: 'object', properties: { path: { type: 'string' } } };
  return {
    model: 'scripted',
    system: 'Be kind.',
    messages,
    tools: [{ name: 'list', description: 'List.', parameters }],
  };
}

async function play(
  api: (typeof APIS)[number],
  steps: readonly ScriptedStep[],
  signal: AbortSignal = new AbortController().signal,
) {
  await using server = await startScriptedModel(steps);
  const provider = createAiSdkProvider({
    id: 'test',
    api,
    baseUrl: `${server.url}/v1`,
    apiKey: PLACEHOLDER,
    models: [],
    fetch: globalThis.fetch,
  });
  const events: ModelEvent[] = [];
  let error: unknown;
  try {
    for await (const event of provider.stream(request(), signal)) events.push(event);
  } catch (thrown) {
    error = thrown;
  }
  return { events, error, requests: [...server.requests] };
}

async function firstFailure(provider: ModelProvider): Promise<GatehouseError> {
  const stream = provider.stream(request(), new AbortController().signal);
  const iterator = stream[Symbol.asyncIterator]();
  return iterator.next().then(() => assert.fail('it did not fail'), failure);
}

function failure(error: unknown): GatehouseError {
  assert.ok(error instanceof GatehouseError, `${error}`);
  return error;
}

for (const api of APIS) {
  test(`${api}: text is streamed in pieces and usage is reported`, async () => {
    const { events, error, requests } = await play(api, [
      { text: 'Hello over there', usage: { inputTokens: 40, outputTokens: 3 } },
    ]);
    assert.equal(error, undefined);
    assert.deepEqual(events, [
      { type: 'text', delta: 'Hello ov' },
      { type: 'text', delta: 'er there' },
      { type: 'finish', reason: 'stop', usage: { inputTokens: 40, outputTokens: 3 } },
    ]);
    const [sent] = requests;
    const key = api === 'openai-completions' ? sent?.headers.authorization : sent?.headers['x-api-key'];
    assert.equal(key, api === 'openai-completions' ? `Bearer ${PLACEHOLDER}` : PLACEHOLDER);
    const text = JSON.stringify(sent?.body);
    for (const part of [
      'Be kind.',
      '[Summary of the conversation before this point, written by the assistant',
      'I look.',
      'a.txt',
      'c2',
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.equal(sent?.body['stream'], true);
    assert.ok(!text.includes('not an object'));
  });

  test(`${api}: tool calls arrive with parsed arguments, and text that is no JSON stays text`, async () => {
    const { events, error } = await play(api, [
      {
        toolCalls: [
          { id: 'c8', name: 'list', arguments: { path: '/workspace' } },
          { id: 'c9', name: 'list', arguments: '{broken' },
        ],
      },
    ]);
    assert.equal(error, undefined);
    assert.deepEqual(events.slice(0, 2), [
      { type: 'toolCall', id: 'c8', name: 'list', arguments: { path: '/workspace' } },
      { type: 'toolCall', id: 'c9', name: 'list', arguments: '{broken' },
    ]);
    assert.equal(events.at(-1)?.type === 'finish' && events.at(-1), events.at(-1));
  });

  for (const [status, errorType, code, retryable] of [
    [401, 'authentication_error', 'MODEL_AUTH', false],
    [403, 'permission_error', 'MODEL_AUTH', false],
    [429, 'rate_limit_error', 'MODEL_RATE_LIMITED', true],
    [429, 'insufficient_quota', 'MODEL_RATE_LIMITED', false],
    [500, 'api_error', 'MODEL_UNAVAILABLE', true],
    [529, 'overloaded_error', 'MODEL_OVERLOADED', true],
    [503, 'server_error', 'MODEL_OVERLOADED', true],
    [400, 'context_length_exceeded', 'MODEL_CONTEXT_LENGTH', false],
    [400, 'content_policy_violation', 'MODEL_REFUSED', false],
    [404, 'not_found_error', 'MODEL_BAD_RESPONSE', false],
  ] as const) {
    test(`${api}: HTTP ${status} ${errorType} becomes ${code}, asked once`, async () => {
      const { error, requests, events } = await play(api, [{ status, errorType }]);
      assert.equal(failure(error).code, code);
      assert.equal(failure(error).details['retryable'], retryable);
      assert.equal(requests.length, 1);
      assert.deepEqual(events, []);
    });
  }

  test(`${api}: the wait that a provider asks for is kept, within bounds`, async () => {
    const asked = await play(api, [{ status: 429, headers: { 'retry-after': '7' } }]);
    assert.equal(failure(asked.error).details['retryAfterMs'], 7_000);
    const much = await play(api, [{ status: 429, headers: { 'retry-after': '86400' } }]);
    assert.equal(failure(much.error).details['retryAfterMs'], 60_000);
  });

  test(`${api}: what a provider says is passed on bounded and without anything like a key`, async () => {
    const errorMessage = `Incorrect API key provided: sk-abcdefghijklmnop1234567890.\u0007\n${'very long '.repeat(200)}`;
    const { error } = await play(api, [{ status: 401, errorMessage }]);
    const { message } = failure(error);
    assert.match(message, /Incorrect API key provided: \[removed\]/);
    assert.ok(message.length < 450);
    assert.ok(!/[\p{Cc}]/u.test(message));
  });

  test(`${api}: a stream that breaks off is unavailable, after what was said`, async () => {
    const { events, error } = await play(api, [{ text: 'a long text that is cut', disconnectAfter: 1 }]);
    assert.deepEqual(
      events.map((event) => event.type),
      ['text'],
    );
    assert.equal(failure(error).code, 'MODEL_UNAVAILABLE');
    assert.equal(failure(error).details['retryable'], true);
  });

  test(`${api}: something that is not the API is a bad response`, async () => {
    const { error } = await play(api, [
      { raw: 'data: {"hello": 1}\n\n', headers: { 'content-type': 'text/event-stream' } },
    ]);
    assert.ok(['MODEL_BAD_RESPONSE', 'MODEL_UNAVAILABLE'].includes(failure(error).code));
  });

  test(`${api}: an abort ends the stream`, async () => {
    const controller = new AbortController();
    await using server = await startScriptedModel([{ text: 'slow words for a while', paceMs: 5 }]);
    const provider = createAiSdkProvider({
      id: 'test',
      api,
      baseUrl: `${server.url}/v1`,
      apiKey: null,
      models: [],
      fetch: globalThis.fetch,
    });
    await assert.rejects(async () => {
      for await (const _ of provider.stream(request(), controller.signal)) controller.abort();
    });
  });

  test(`${api}: a refusal by egress keeps its own advice`, async () => {
    const refused = new GatehouseError('EGRESS_HOST_NOT_ALLOWED', 'no rule allows api.example', {
      fix: 'Add a rule.',
    });
    const provider = createAiSdkProvider({
      id: 'test',
      api,
      baseUrl: 'https://api.example/v1',
      apiKey: null,
      models: [],
      fetch: () => Promise.reject(refused),
    });
    const error = await firstFailure(provider);
    assert.equal(error.code, 'MODEL_UNAVAILABLE');
    assert.match(error.message, /no rule allows api\.example/);
    assert.deepEqual([error.fix, error.details['retryable']], ['Add a rule.', false]);
  });
}

test('a provider that nobody listens for is unavailable and worth another try', async () => {
  const server = await startScriptedModel([{}]);
  await server.close();
  const provider = createAiSdkProvider({
    id: 'test',
    api: 'openai-completions',
    baseUrl: `${server.url}/v1`,
    apiKey: null,
    models: [],
    fetch: globalThis.fetch,
  });
  const error = await firstFailure(provider);
  assert.equal(error.code, 'MODEL_UNAVAILABLE');
  assert.equal(error.details['retryable'], true);
});
