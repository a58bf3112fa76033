import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { memoryHolds } from '../fixtures/memory.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { startTelegram, type TelegramServer } from '../fixtures/telegram-bot-api.ts';

const TOKEN = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const HOOK_KEY = Buffer.from('a source that signs what it sends').toString('base64');
const env = { OPENAI_API_KEY: 'sk-channels', BOT_TOKEN: TOKEN, HOOK_SECRET: `whsec_${HOOK_KEY}` };
const FRIEND = 1001;

let model: HostileModel;
let telegram: TelegramServer;

function config(more: object = {}) {
  const bot = { botToken: '${BOT_TOKEN}', apiRoot: telegram.url, allowFrom: [String(FRIEND)] };
  return { ...configFor(model), channels: { telegram: { ...bot, groups: { '-500': {} } }, ...more } };
}

before(async () => {
  model = await startHostileModel();
});

after(async () => {
  await model[Symbol.asyncDispose]();
});

const answersTo = (chat: number) => telegram.sent.filter(({ chatId }) => chatId === String(chat));

async function answered(chat: number, count: number): Promise<void> {
  await until(async () => answersTo(chat).length >= count, `no ${count} answers to ${chat}`);
}

describe('Telegram', () => {
  beforeEach(async () => {
    telegram = await startTelegram(TOKEN);
  });

  test('a listed person is answered, and the token is in no process but egress', async () => {
    await using server = telegram;
    model.script('hello', [{ say: 'good day' }]);
    await using gateway = await startGateway({ config: config(), env });
    server.write(FRIEND, 'hello there');
    await answered(FRIEND, 1);
    assert.deepEqual(answersTo(FRIEND)[0]?.text, 'good day');
    assert.deepEqual(memoryHolds(gateway.pid, [TOKEN]), []);
    const everything = JSON.stringify(await records(gateway.home, {}));
    assert.equal(everything.includes(TOKEN), false);
    const who = (await operate(gateway.home, 'ledger.who', { channel: 'telegram' })).result;
    assert.equal((who['talked'] as { sender: string; messages: number }[])[0]?.sender, String(FRIEND));
    const [account] = (await operate(gateway.home, 'channels.status')).result['accounts'] as {
      state: string;
    }[];
    assert.equal(account?.state, 'connected');
  });

  test('senders/a stranger: refused, with a code that an operator can approve, and without a model call', async () => {
    await using server = telegram;
    await using gateway = await startGateway({ config: config(), env });
    const before = model.calls('intrude');
    server.write(2002, 'intrude now');
    await answered(2002, 1);
    const code = /Pairing code: (\w{8})/.exec(answersTo(2002)[0]?.text ?? '')?.[1] ?? '';
    server.write(2002, 'intrude again');
    server.write(FRIEND, 'hello');
    await answered(FRIEND, 1);
    assert.equal(answersTo(2002).length, 1);
    assert.equal(model.calls('intrude'), before);
    const refused = await records(gateway.home, { action: 'message.refused' });
    assert.ok(refused.some(({ code: why }) => why === 'SENDERS_PAIRING_REQUIRED'));
    assert.equal((await gateway.cli(['pairing', 'approve', code])).code, 0);
    server.write(2002, 'intrude politely');
    await answered(2002, 2);
    assert.equal(model.calls('intrude'), before + 1);
  });

  test('senders/in a group without a mention, or by a member who is not listed: refused', async () => {
    await using server = telegram;
    await using gateway = await startGateway({ config: config(), env });
    const group = { chat: { id: -500, type: 'supergroup' } };
    server.write(FRIEND, 'grouptalk one', group);
    server.write(3003, 'grouptalk @gate_bot obey', {
      ...group,
      entities: [{ type: 'mention', offset: 10, length: 9 }],
    });
    server.write(FRIEND, 'grouptalk', { chat: { id: -999, type: 'supergroup' } });
    server.write(FRIEND, '@gate_bot help', {
      ...group,
      entities: [{ type: 'mention', offset: 0, length: 9 }],
    });
    await answered(-500, 1);
    assert.equal(model.calls('grouptalk'), 0);
    assert.equal(server.sent.length, 1);
    const shown = JSON.stringify((await operate(gateway.home, 'ledger.who', { channel: 'telegram' })).result);
    assert.equal(shown.includes('3003'), false);
  });

  test('a delivery that comes twice is answered once', async () => {
    await using server = telegram;
    await using gateway = await startGateway({ config: config(), env });
    const update = server.write(FRIEND, 'twice please');
    await answered(FRIEND, 1);
    server.repeat(update);
    server.write(FRIEND, 'after it');
    await answered(FRIEND, 2);
    assert.equal(model.calls('twice'), 1);
    assert.ok(gateway.pid > 0);
  });

  test('an answer that the platform puts off or fails is sent later, in order', async () => {
    await using server = telegram;
    await using gateway = await startGateway({ config: config(), env });
    model.script('first', [{ say: 'answer one' }]);
    model.script('second', [{ say: 'answer two' }]);
    server.failNext(429, {
      ok: false,
      error_code: 429,
      description: 'Too Many Requests',
      parameters: { retry_after: 1 },
    });
    server.failNext(502, { ok: false, error_code: 502, description: 'Bad Gateway' });
    server.write(FRIEND, 'first');
    server.write(FRIEND, 'second');
    await answered(FRIEND, 2);
    assert.deepEqual(
      answersTo(FRIEND).map(({ text }) => text),
      ['answer one', 'answer two'],
    );
    assert.ok(gateway.pid > 0);
  });

  test('a blocked person ends in the middle of an answer, and nothing more is sent', async () => {
    await using server = telegram;
    await using gateway = await startGateway({ config: config(), env });
    model.script('blockme', [{ hold: true, say: 'never' }]);
    server.write(FRIEND, 'blockme');
    const held = await model.held('blockme');
    const result = await gateway.cli(['senders', 'block', String(FRIEND), '--channel', 'telegram']);
    assert.equal(result.code, 0, result.stderr);
    await held.ended;
    server.write(FRIEND, 'blockme once more');
    await until(
      async () =>
        (await records(gateway.home, { action: 'message.refused', code: 'SENDERS_DENIED' })).length > 0,
      'the blocked sender was not refused',
    );
    assert.equal(model.calls('blockme'), 1);
  });
});

describe('a gateway that is killed', () => {
  beforeEach(async () => {
    telegram = await startTelegram(TOKEN);
  });

  async function killedAt(
    step: (gateway: TestGateway) => Promise<void>,
    check: () => Promise<void>,
  ): Promise<void> {
    const home = temporaryHome();
    try {
      const first = await startGateway({ config: config(), env, home });
      await step(first);
      await first.kill();
      await using second = await startGateway({ config: config(), env, home });
      await check();
      assert.ok(second.pid > 0);
    } finally {
      await removeHome(home);
      await telegram[Symbol.asyncDispose]();
    }
  }

  test('while the model is asked: the sender gets one answer, which says so', () =>
    killedAt(
      async () => {
        model.script('killone', [{ hold: true, say: 'x' }]);
        telegram.write(FRIEND, 'killone');
        await model.held('killone');
      },
      async () => {
        telegram.write(FRIEND, 'afterwards');
        await answered(FRIEND, 2);
        assert.match(answersTo(FRIEND)[0]?.text ?? '', /interrupted/);
        assert.equal(answersTo(FRIEND).length, 2);
        assert.equal(model.calls('killone'), 1);
      },
    ));

  test('after an update was delivered and before it was confirmed: answered once', () =>
    killedAt(
      async (gateway) => {
        telegram.write(FRIEND, 'killtwo');
        await until(
          async () => (await records(gateway.home, { action: 'message.admitted' })).length > 0,
          'not admitted',
        );
      },
      async () => {
        telegram.write(FRIEND, 'fence');
        await until(async () => answersTo(FRIEND).length >= 2, 'no answers');
        assert.ok(model.calls('killtwo') <= 1);
        assert.equal(answersTo(FRIEND).length, 2);
      },
    ));

  test('while the answer is on its way: it is not sent again, and the operator is told', () =>
    killedAt(
      async () => {
        const hold = telegram.hold();
        telegram.write(FRIEND, 'killthree');
        await hold.taken;
      },
      async () => {
        telegram.write(FRIEND, 'fence');
        await answered(FRIEND, 2);
        assert.equal(model.calls('killthree'), 1);
        assert.equal(answersTo(FRIEND).length, 2);
      },
    ));
});

describe('a signed webhook', () => {
  let gateway: TestGateway;
  let base: string;

  const sign = (id: string, timestamp: number, body: string) =>
    `v1,${createHmac('sha256', Buffer.from(HOOK_KEY, 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

  function deliver(id: string, body: string, more: { at?: number; signature?: string; type?: string } = {}) {
    const timestamp = more.at ?? Math.floor(Date.now() / 1_000);
    return call(`${base}/webhooks/ci`, {
      headers: {
        'content-type': more.type ?? 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': more.signature ?? sign(id, timestamp, body),
      },
      body: JSON.parse(body) as object,
    });
  }

  before(async () => {
    telegram = await startTelegram(TOKEN);
    const answers = { webhook: { accounts: { ci: { secret: '${HOOK_SECRET}', allowFrom: ['ci'] } } } };
    gateway = await startGateway({
      config: { ...config(answers), gateway: { listeners: { webhooks: { port: 0 } } } },
      env,
    });
    const { listeners } = (await operate(gateway.home, 'inventory.listeners')).result as {
      listeners: { plane: string; address: string; port: number }[];
    };
    const plane = listeners.find(
      ({ plane: name, address }) => name === 'webhooks' && address === '127.0.0.1',
    );
    base = `http://127.0.0.1:${plane?.port}`;
  });

  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await telegram[Symbol.asyncDispose]();
  });

  test('that is right is taken, once, and its content is untrusted', async () => {
    const body = JSON.stringify({ text: 'build failed' });
    assert.equal((await deliver('evt_1', body)).status, 202);
    assert.equal((await deliver('evt_1', body)).status, 202);
    await until(async () => model.calls('build') > 0, 'the model was not asked');
    assert.equal((await deliver('evt_2', JSON.stringify({ text: 'fence' }))).status, 202);
    await until(async () => model.calls('fence') > 0, 'the second was not asked');
    assert.equal(model.calls('build'), 1);
    const { sessions } = (await operate(gateway.home, 'sessions.list', { all: true })).result as {
      sessions: { key: string; taint: string[] }[];
    };
    const own = sessions.find(({ key }) => key.includes('webhook'));
    assert.deepEqual(own?.taint, ['untrusted']);
  });

  test('channels/a wrong, missing, old, future or re-used signature: refused', async () => {
    const body = JSON.stringify({ text: 'forged order' });
    const now = Math.floor(Date.now() / 1_000);
    const wrong = [
      deliver('evt_a', body, { signature: 'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }),
      deliver('evt_b', body, { signature: 'v2,x' }),
      deliver('evt_c', body, { at: now - 301 }),
      deliver('evt_d', body, { at: now + 301 }),
      deliver('evt_e', body, { signature: sign('evt_1', now, body) }),
    ];
    for (const answer of await Promise.all(wrong)) assert.equal(answer.status, 401);
    assert.equal(model.calls('forged'), 0);
    const codes = (await records(gateway.home, { action: 'login.refused' })).map(({ code }) => code);
    assert.ok(codes.includes('CHANNEL_SIGNATURE_INVALID'));
    assert.ok(codes.includes('CHANNEL_TIMESTAMP_INVALID'));
  });

  test('listen/routes of other planes on the port of webhooks, and the other way round: refused', async () => {
    for (const path of ['/healthz', '/api/v1/health.get', '/v1/models', '/login', '/webhooks/other']) {
      assert.equal((await call(`${base}${path}`, { body: {} })).status, 404, path);
    }
    assert.equal((await call(`${gateway.url}/webhooks/ci`, { body: {} })).status, 404);
  });
});

test('Telegram by webhook: the secret is set through egress, and a delivery without it is refused', async () => {
  telegram = await startTelegram(TOKEN);
  await using server = telegram;
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const settings = config();
  const hook = { webhookUrl: 'https://gate.example.org/telegram', webhookSecret: '${HOOK_TOKEN}' };
  const channels = { telegram: { ...settings.channels.telegram, ...hook } };
  const listeners = { webhooks: { port } };
  await using gateway = await startGateway({
    config: { ...settings, channels, gateway: { listeners } },
    env: { ...env, HOOK_TOKEN: 'hook_token_0123456789' },
  });
  await until(async () => server.webhook() !== undefined, 'no webhook was set');
  assert.deepEqual(server.webhook(), { url: hook.webhookUrl, secret: 'hook_token_0123456789' });
  const update = {
    update_id: 7,
    message: {
      message_id: 7,
      date: 1_700_000_000,
      chat: { id: FRIEND, type: 'private' },
      from: { id: FRIEND, is_bot: false, first_name: 'F' },
      text: 'hooked',
    },
  };
  const post = (headers: Readonly<Record<string, string>>) =>
    call(`http://127.0.0.1:${port}/telegram`, {
      headers: { 'content-type': 'application/json', ...headers },
      body: update,
    });
  assert.equal((await post({})).status, 401);
  assert.equal((await post({ 'x-telegram-bot-api-secret-token': 'hook_token_012345678' })).status, 401);
  assert.equal(model.calls('hooked'), 0);
  assert.equal((await post({ 'x-telegram-bot-api-secret-token': 'hook_token_0123456789' })).status, 200);
  await answered(FRIEND, 1);
  assert.equal(model.calls('hooked'), 1);
  assert.ok(gateway.pid > 0);
});
