import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createDevice } from '../fixtures/device.ts';
import { runCli, startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { type LedgerLine, operate, records } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';

const CALLS = 400;

let gateway: TestGateway;
let home: string;
let reader: string;

before(async () => {
  home = temporaryHome();
  gateway = await startGateway({ home });
  reader = await gateway.issueToken('reader', ['operator.read']);
});

after(async () => {
  await gateway.stop();
  await removeHome(home);
});

async function inTens(count: number, one: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => one(n + i)));
}

/** One request by hand: its bytes as they are. */
async function raw(head: string | Buffer): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(head);
  await once(socket, 'close');
  return got;
}

describe('a flood of refused calls', () => {
  test('trace/the same denied call hundreds of times by somebody who is known: refused each time, counted in few records', async () => {
    const answers = new Set<string>();
    await inTens(CALLS, async () => {
      const { status, code } = await call(`${gateway.url}/api/v1/token.list`, { token: reader, body: {} });
      answers.add(`${status} ${code}`);
    });
    assert.deepEqual([...answers], ['403 AUTH_SCOPE_MISSING']);
    const denied = await records(home, { type: 'decision', code: 'AUTH_SCOPE_MISSING' });
    assert.equal(denied.length, 2, 'the first, and the count after a hundred more');
    assert.equal(denied[0]?.data?.['operation'], 'token.list');
    assert.deepEqual([denied[1]?.data?.['repeats'], denied[1]?.data?.['operation']], [100, 'token.list']);
  });

  test('trace/the same over ever new WebSockets, and for agents that do not exist: refused, counted in few records', async () => {
    const before = (await records(home)).length;
    for (let n = 0; n < 20; n++) {
      await using socket = await openSocket(gateway.url);
      await socket.nonce();
      assert.equal((await socket.connect(connectParams(reader, { scopes: ['operator.read'] }))).ok, true);
      assert.equal((await socket.ask('gatehouse.token.list')).ok, false);
      socket.send(Buffer.from([0, 1, 2]));
      await socket.closed();
    }
    const more = (await records(home)).slice(before);
    const denied = more.filter(({ outcome }) => outcome === 'deny');
    assert.deepEqual(denied.map(({ code }) => code).sort(), ['AUTH_SCOPE_MISSING', 'WS_FRAME_BINARY']);
  });

  test('a person is told of whoever is refused again and again', async () => {
    const alerts = await records(home, { type: 'alert', action: 'auth.denied-spike' });
    assert.equal(alerts.length, 1);
    assert.match(String(alerts[0]?.data?.['title']), /calls of token:\S+ were refused within a minute/);
  });

  test('trace/bad tokens hundreds of times: refused, counted in few records', async () => {
    await inTens(CALLS, (n) => call(`${gateway.url}/v1/models`, { token: `made-up-${n}` }));
    const refused = await records(home, { type: 'login', action: 'login.refused' });
    assert.ok(refused.length < 10, String(refused.length));
    const codes = new Set(refused.map(({ code }) => code));
    assert.ok(codes.has('AUTH_TOKEN_INVALID') && codes.has('AUTH_RATE_LIMITED'));
  });
});

describe('log injection', () => {
  /** What an attacker writes into a log to forge a line, to move a cursor, or to turn text around. */
  const HOSTILE: Readonly<Record<string, string>> = {
    'an escape sequence': '\u001b]0;owned\u0007\u001b[2J\u001b[31mroot logged in',
    'a C1 control': '\u009b31mred\u0085next',
    'bidirectional text': '\u202Egnp.exe\u2066\u2069',
    'a line separator': 'a\u2028{"level":"info","message":"forged"}\u2029',
    'zero-width characters': 'ad\u200bmin\ufeff',
    'half a surrogate pair and a NUL': '\ud800x\u0000y',
  };

  async function clean(): Promise<void> {
    const { stdout } = await gateway.cli(['ledger', 'tail', '--limit', '200']);
    const files = ['gateway.log', 'egress.log'].map((name) => readFileSync(join(home, 'logs', name), 'utf8'));
    for (const text of [stdout, ...files]) {
      assert.doesNotMatch(
        text,
        /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/,
      );
    }
    for (const line of files
      .join('')
      .split('\n')
      .filter((one) => one !== '')) {
      const { message } = JSON.parse(line) as { message: string };
      assert.notEqual(message, 'forged');
    }
  }

  for (const [name, text] of Object.entries(HOSTILE)) {
    test(`trace/${name} in a user agent and a target: harmless in ledger, log and terminal`, async () => {
      const bytes = Buffer.from(text.replaceAll(/[\u0000\r\n]/g, ''), 'utf8');
      const request = Buffer.concat([
        Buffer.from('GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nUser-Agent: '),
        bytes,
        Buffer.from('\r\n\r\n'),
      ]);
      assert.match(await raw(request), /^HTTP\/1\.1 (400|401)/);
      const target = encodeURIComponent(text.toWellFormed());
      assert.match(
        await raw(`GET /${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`),
        /^HTTP\/1\.1 40\d/,
      );
      await clean();
    });

    test(`trace/${name} in what a client says of itself: harmless in ledger, log and terminal`, async () => {
      const device = createDevice();
      await using socket = await openSocket(gateway.url, { 'user-agent': 'x' });
      const nonce = await socket.nonce();
      const client = {
        id: text,
        version: text,
        platform: text,
        mode: text,
        displayName: text,
        deviceFamily: text,
      };
      const proof = { id: device.deviceId, publicKey: text, signature: text, signedAt: Date.now(), nonce };
      const answer = await socket.connect({
        ...connectParams(text),
        client,
        device: proof,
        role: text,
        scopes: [text],
        locale: text,
        userAgent: text,
      });
      assert.equal(answer.ok, false);
      await clean();
    });
  }

  for (const [name, head] of [
    ['a line feed alone', 'X-A: 1\nUser-Agent: forged'],
    ['a carriage return alone', 'User-Agent: a\rX-Forged: 1'],
    ['a folded line', 'User-Agent: a\r\n forged: 1'],
    ['a NUL', 'User-Agent: a\u0000b'],
  ] as const) {
    test(`listen/${name} in a header: refused`, async () => {
      const answer = await raw(
        `GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}\r\nConnection: close\r\n\r\n`,
      );
      // RFC 9112 section 2.2 lets a server take a bare line feed for a line's end; it is a header then, and no more.
      assert.match(answer, /^HTTP\/1\.1 40[01]/);
      await clean();
    });
  }

  test('trace/a user agent of eight kilobytes that is a token and a forged record: cut, and the token gone', async () => {
    const agent = `${reader} {"type":"login","outcome":"success"} ${'A'.repeat(7_000)}`;
    const { status } = await call(`${gateway.url}/api/v1/health.get`, {
      token: 'bad',
      headers: { 'user-agent': agent },
      body: {},
    });
    assert.ok(status === 401 || status === 429);
    const text = readFileSync(join(home, 'state', 'ledger.db')).toString('latin1');
    const wal = readFileSync(join(home, 'state', 'ledger.db-wal')).toString('latin1');
    const secret = reader.split('_')[2] ?? '';
    for (const all of [text, wal]) assert.ok(!all.includes(secret) && !all.includes('A'.repeat(130)));
  });

  test('trace/text of an authenticated caller in names of operations, sessions and reasons: harmless', async () => {
    for (const text of Object.values(HOSTILE)) {
      await operate(home, 'sessions.create', { key: `agent:main:${text}` });
      await operate(home, 'token.issue', {
        name: text,
        scopes: ['operator.read'],
        ticket: text,
        owner: text,
      });
      await operate(home, 'principal.add', {
        name: 'p',
        owner: text,
        scopes: ['operator.read'],
        ticket: text,
      });
      await operate(home, 'principal.disable', { principal: text });
    }
    await clean();
  });
});

test('at shutdown every count is written: no refused call is lost', async () => {
  await gateway.stop();
  const { json } = await runCli(home, ['ledger', 'tail', '--limit', '1000', '--json']);
  const { records: all } = json as { records: readonly LedgerLine[] };
  const times = ({ data }: LedgerLine) => [data?.['firstAt'], data?.['lastAt']] as const;
  const denied = all.filter(
    ({ code, data }) =>
      code === 'AUTH_SCOPE_MISSING' && data?.['operation'] === 'token.list' && data['surface'] === 'http',
  );
  const sum = denied.reduce((total, { data }) => total + Number(data?.['repeats'] ?? 1), 0);
  assert.equal(sum, CALLS);
  for (const summary of denied.slice(1)) {
    const [first, last] = times(summary);
    assert.ok(typeof first === 'number' && typeof last === 'number' && first <= last);
    assert.ok(summary.subject?.['principal']?.startsWith('token:') === true);
  }
  const bad = all.filter(
    ({ code, action, data }) =>
      action === 'login.refused' &&
      (code === 'AUTH_TOKEN_INVALID' || code === 'AUTH_RATE_LIMITED') &&
      data?.['lockedOut'] === undefined,
  );
  const failures = bad.reduce((total, { data }) => total + Number(data?.['repeats'] ?? 1), 0);
  assert.ok(failures >= CALLS, String(failures));
  const verified = await runCli(home, ['ledger', 'verify', '--json']);
  assert.equal((verified.json as { ok: boolean }).ok, true);
});
