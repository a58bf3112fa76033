import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAiSdkProvider } from './ai-sdk.ts';
import { boundedFetch, MAX_ANSWER_BYTES } from './bounded.ts';

const REQUEST = { model: 'm', system: 's', messages: [], tools: [] };

/** A server that never comes to an end; `sent` counts what was taken from it. */
function endless(chunk: string) {
  const bytes = Buffer.from(chunk);
  const seen = { sent: 0, cancelled: false };
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        seen.sent += bytes.byteLength;
        controller.enqueue(bytes);
      },
      cancel: () => void (seen.cancelled = true),
    });
  const headers = { 'content-type': 'text/event-stream' };
  return { seen, fetch: async () => new Response(body(), { headers }) };
}

const PIECE = 'x'.repeat(64 * 1024);
const CALL = { index: 0, id: 'c', type: 'function', function: { name: 'shell', arguments: PIECE } };

for (const [what, chunk] of [
  [
    'arguments of a tool call',
    `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: [CALL] } }] })}\n\n`,
  ],
  ['reasoning', `data: ${JSON.stringify({ choices: [{ delta: { reasoning_content: PIECE } }] })}\n\n`],
  ['a line', PIECE],
] as const)
  test(`limits/a provider that sends ${what} without end: refused`, async () => {
    const { seen, fetch } = endless(chunk);
    const api = 'openai-completions';
    const provider = createAiSdkProvider({
      id: 'p',
      api,
      baseUrl: 'http://p.example/v1',
      models: [],
      apiKey: null,
      fetch,
    });
    const all = async () => {
      for await (const event of provider.stream(REQUEST, new AbortController().signal)) void event;
    };
    await assert.rejects(all(), { code: 'MODEL_BAD_RESPONSE' });
    assert.ok(seen.cancelled);
    assert.ok(seen.sent < MAX_ANSWER_BYTES + 1024 * 1024, `${seen.sent} bytes were taken`);
  });

test('an answer of exactly the limit is passed on whole, and one byte more is not', async () => {
  const answer = (size: number) => boundedFetch(async () => new Response('x'.repeat(size)), 1_000);
  assert.equal((await (await answer(1_000)('http://x')).text()).length, 1_000);
  await assert.rejects(async () => (await answer(1_001)('http://x')).text(), { code: 'MODEL_BAD_RESPONSE' });
});
