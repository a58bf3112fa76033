import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { operate } from '../fixtures/operator.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';

let gateway: TestGateway;
let alice: string;
let bob: string;

before(async () => {
  gateway = await startGateway();
  alice = await gateway.issueToken('alice', ['operator.read', 'operator.write']);
  bob = await gateway.issueToken('bob', ['operator.read', 'operator.write']);
});

after(() => gateway[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly result: Readonly<Record<string, unknown>> | undefined;
}

async function as(token: string, operation: string, body: object): Promise<Answer> {
  const { status, code, text } = await call(`${gateway.url}/api/v1/${operation}`, { token, body });
  const { result } = JSON.parse(text) as { result?: Readonly<Record<string, unknown>> };
  return { status, code, result };
}

const send = (token: string, idempotencyKey: string, message: string) =>
  as(token, 'chat.send', { sessionKey: 'main', message, idempotencyKey });
const wait = (token: string, runId: string) => as(token, 'run.wait', { runId, timeoutMs: 20_000 });

describe('an idempotency key', () => {
  test('names one turn of its caller: the same message runs once, another one is a conflict', async () => {
    assert.deepEqual(await send(alice, 'nightly', 'hello of alice'), {
      status: 200,
      code: undefined,
      result: { runId: 'nightly', status: 'started' },
    });
    assert.equal((await wait(alice, 'nightly')).result?.['status'], 'ok');
    assert.equal((await send(alice, 'nightly', 'hello of alice')).result?.['runId'], 'nightly');
    assert.deepEqual(
      [(await send(alice, 'nightly', 'something else')).status, (await send(alice, 'nightly', 'x')).code],
      [409, 'TURN_KEY_REUSED'],
    );
    const { result } = await as(alice, 'chat.history', { sessionKey: 'main' });
    const texts = JSON.stringify(result?.['messages']);
    assert.equal(texts.split('hello of alice').length - 1 >= 1, true);
  });

  test('turns/a key that another principal has used: refused neither with a conflict nor with a word of it', async () => {
    for (const [token, message] of [
      [bob, 'hello of bob'],
      [gateway.firstToken ?? '', 'hello of the operator'],
    ] as const) {
      const unused = await send(token, 'never-used', message);
      const used = await send(token, 'nightly', message);
      assert.deepEqual(used, { ...unused, result: { ...unused.result, runId: 'nightly' } });
      assert.equal((await wait(token, 'nightly')).result?.['status'], 'ok');
      const { result } = await as(token, 'chat.history', { sessionKey: 'main' });
      const texts = JSON.stringify(result?.['messages']);
      assert.ok(texts.includes(message) && !texts.includes('hello of alice'));
    }
  });

  test('turns/a run of another principal, waited for or stopped by its key: refused as if there were none', async () => {
    const slow = await send(alice, 'only-of-alice', 'a long one');
    assert.equal(slow.status, 200);
    const none = await wait(bob, 'no-such-run');
    assert.deepEqual(await wait(bob, 'only-of-alice'), none);
    assert.equal(none.code, 'OP_RUN_NOT_FOUND');
    const stopped = await as(bob, 'chat.abort', { sessionKey: 'main', runId: 'only-of-alice' });
    assert.deepEqual(stopped.result, { aborted: false, runIds: [] });
    assert.equal((await wait(alice, 'only-of-alice')).result?.['status'], 'ok');
  });

  test('turns/a mark of somebody else’s space written into a key: refused nothing and reaches nothing', async () => {
    const { result } = await operate(gateway.home, 'ledger.tail', { limit: 500 });
    const all = result['records'] as readonly { readonly subject?: { readonly run?: string } }[];
    const marked = all
      .map(({ subject }) => subject?.run ?? '')
      .find((run) => run.startsWith('only-of-alice~'));
    assert.match(marked ?? '', /^only-of-alice~[0-9a-f]{16}$/, 'the ledger tells runs of the same key apart');
    for (const token of [bob, gateway.firstToken ?? '']) {
      assert.equal((await wait(token, marked ?? '')).code, 'OP_RUN_NOT_FOUND');
      assert.equal((await send(token, marked ?? '', 'crafted')).result?.['status'], 'started');
    }
  });

  test('a WebSocket client hears of its run under the key that it chose', async () => {
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    const hello = await socket.connect(connectParams(alice, { scopes: ['operator.read', 'operator.write'] }));
    assert.equal(hello.ok, true);
    const params = { sessionKey: 'over-ws', message: 'hello', idempotencyKey: 'ws-key' };
    const answer = await socket.ask('chat.send', params);
    assert.equal(answer.payload?.['runId'], 'ws-key');
    const last = await socket.until(
      ({ event, payload }) => event === 'chat' && payload?.['state'] === 'final',
    );
    assert.equal(last.payload?.['runId'], 'ws-key');
    assert.ok(!JSON.stringify(socket.frames).includes('ws-key~'));
    assert.deepEqual(socket.problems, []);
  });
});
