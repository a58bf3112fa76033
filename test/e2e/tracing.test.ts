import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { memoryHolds } from '../fixtures/memory.ts';
import { records, until } from '../fixtures/operator.ts';

const TOKEN = 'collector-token-4b1f9e';
const OURS = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

interface Sent {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

let gateway: TestGateway;
let model: HostileModel;
let token: string;
const bodies: string[] = [];
const authorizations: string[] = [];
const collector = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => (text += chunk));
  request.on('end', () => {
    bodies.push(text);
    authorizations.push(String(request.headers.authorization));
    response.writeHead(request.url === '/v1/traces' ? 200 : 404).end('{}');
  });
});

function spans(): readonly Sent[] {
  return bodies.flatMap((text) => {
    const { resourceSpans } = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  });
}

async function ask(word: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const body = { model: 'openclaw', messages: [{ role: 'user', content: word }] };
  const answer = await call(`${gateway.url}/v1/chat/completions`, { token, headers, body });
  assert.equal(answer.status, 200, answer.text);
  return answer.text;
}

const turnOf = async (message: number) =>
  (await records(gateway.home, { type: 'message', action: 'message.received' }))[message] as unknown as {
    trace: string;
  };

before(async () => {
  model = await startHostileModel();
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const config = {
    ...configFor(model),
    gateway: { trustedProxies: ['127.0.0.0/8'] },
    tracing: {
      endpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`,
      authorization: '${COLLECTOR_TOKEN}',
      networks: ['127.0.0.0/8'],
    },
  };
  gateway = await startGateway({ config, env: { OPENAI_API_KEY: 'sk-tracing', COLLECTOR_TOKEN: TOKEN } });
  token = await gateway.issueToken('tracer', ['operator.write']);
});

after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
  collector.closeAllConnections();
  collector.close();
});

describe('OpenTelemetry traces', () => {
  test('a turn behind a listed proxy is one trace below the span of the proxy, sent through egress', async () => {
    model.script('trace', [{ say: 'the answer nobody may see in a span' }]);
    await ask('trace my secret question', { traceparent: `00-${OURS}-${PARENT}-01` });
    await until(() => spans().some(({ name }) => name === 'turn'), 'no turn was sent');
    const own = spans().filter(({ traceId }) => traceId === OURS);
    const turn = own.find(({ name }) => name === 'turn');
    assert.equal(turn?.parentSpanId, PARENT);
    const calls = own.filter(({ name }) => name === 'model call');
    assert.ok(calls.length > 0);
    for (const one of calls) assert.equal(one.parentSpanId, turn?.spanId);
    const everything = bodies.join();
    for (const content of ['secret question', 'nobody may see', 'sk-tracing', TOKEN, token])
      assert.equal(everything.includes(content), false, content);
    assert.deepEqual([...new Set(authorizations)], [`Bearer ${TOKEN}`]);
    assert.deepEqual(memoryHolds(gateway.pid, [TOKEN]), []);
    const rules = (await records(gateway.home, { type: 'egress', action: 'net.connect' })).map(
      ({ rule }) => rule,
    );
    assert.ok(
      rules.some((rule) => rule?.endsWith('tracing')),
      rules.join(),
    );
    assert.equal((await turnOf(0)).trace.replaceAll('-', ''), OURS);
  });

  test("the proxy's request id is the trace in the ledger", async () => {
    const id = 'c0ffee00c0ffee00c0ffee00c0ffee00';
    await ask('trace again', { 'x-request-id': id });
    assert.equal((await turnOf(1)).trace.replaceAll('-', ''), id);
  });
});

describe('without a listed proxy', () => {
  test('tracing/a trace that a stranger names, to hide in it or to write into it: refused', async () => {
    await using alone = await startGateway({ config: configFor(model), env: { OPENAI_API_KEY: 'sk-alone' } });
    const own = await alone.issueToken('alone', ['operator.write']);
    const body = { model: 'openclaw', messages: [{ role: 'user', content: 'trace' }] };
    const headers = { traceparent: `00-${OURS}-${PARENT}-01`, 'x-request-id': OURS };
    const answer = await call(`${alone.url}/v1/chat/completions`, { token: own, headers, body });
    assert.equal(answer.status, 200, answer.text);
    const [received] = (await records(alone.home, {
      type: 'message',
      action: 'message.received',
    })) as unknown as {
      trace: string;
    }[];
    assert.notEqual(received?.trace.replaceAll('-', ''), OURS);
  });
});
