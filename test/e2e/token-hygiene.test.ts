import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { processesOf } from '../fixtures/processes.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';

let gateway: TestGateway;
let token: string;
const answers: string[] = [];

before(async () => {
  gateway = await startGateway();
  token = await gateway.issueToken('careful', ['operator.read', 'operator.write']);
});

after(() => gateway[Symbol.asyncDispose]());

/** Put the token wherever people and programs put one by mistake, and take it along where it belongs. */
async function useEverywhere(): Promise<void> {
  const api = `${gateway.url}/api/v1`;
  const tries: Promise<{ readonly text: string }>[] = [
    call(`${api}/health.get`, { token, body: {} }),
    call(`${api}/token.list`, { token, body: {} }),
    call(`${api}/health.get?token=${token}`, { body: {} }),
    call(`${api}/${token}`, { token, body: {} }),
    call(`${api}/health.get`, { token: `${token}x`, body: {} }),
    call(`${api}/health.get`, { headers: { authorization: `Basic ${btoa(`me:${token}`)}` }, body: {} }),
    call(`${api}/health.get`, {
      headers: { 'user-agent': token, referer: `http://x/?t=${token}` },
      body: {},
    }),
    call(`${api}/health.get`, { headers: { origin: `http://${token}.test` }, body: {} }),
    call(`${api}/health.get`, { headers: { cookie: `gatehouse_session=${token}` }, body: {} }),
    call(`${api}/sessions.create`, { token, body: { key: token } }),
    call(`${api}/sessions.list`, { token, body: { [token]: token } }),
    call(`${api}/run.wait`, { token, body: { runId: token, timeoutMs: 1 } }),
    call(`${api}/chat.abort`, { token, body: { sessionKey: token } }),
    call(`${gateway.url}/v1/models/${token}`, { token }),
    call(`${gateway.url}/login/session`, { headers: { origin: gateway.url }, body: { code: token } }),
  ];
  for (const { text } of await Promise.all(tries)) answers.push(text);
  for (const params of [
    connectParams(token, { scopes: ['operator.read'] }),
    connectParams('', { auth: { password: token } }),
    { ...connectParams(token), client: { id: token, version: token, platform: token, mode: token } },
  ]) {
    await using socket = await openSocket(gateway.url, { 'user-agent': token });
    await socket.nonce();
    await socket.connect(params);
    await socket.ask(token, { [token]: token }).catch(() => undefined);
    answers.push(JSON.stringify(socket.frames));
  }
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('a token that is used rightly and wrongly stays out of answers, logs, ledger, state, processes and a backup', async () => {
  await useEverywhere();
  const secret = token.split('_')[2] ?? '';
  const forms = [secret, Buffer.from(secret).toString('base64').slice(2, -4), encodeURIComponent(secret)];
  for (const text of answers) assert.ok(!text.includes(secret), text.slice(0, 200));
  const files = filesBelow(gateway.home);
  assert.ok(
    files.some((file) => file.endsWith('ledger.db')) && files.some((file) => file.endsWith('gateway.log')),
  );
  for (const file of files) {
    const text = readFileSync(file).toString('latin1');
    for (const form of forms) assert.ok(!text.includes(form), file);
  }
  const running = processesOf(gateway.home);
  assert.ok(running.length >= 2);
  for (const { pid, argv } of running) {
    assert.ok(!argv.join(' ').includes(secret));
    assert.ok(!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(secret));
  }
  assert.ok(!gateway.output().includes(secret));
  const backup = join(gateway.home, '..', `backup-${process.pid}.tar.gz`);
  try {
    execFileSync(
      'tar',
      ['-C', gateway.home, '--ignore-failed-read', '-czf', backup, 'state', 'logs', 'keys'],
      {
        stdio: 'ignore',
      },
    );
    const { code, json } = await gateway.cli([
      'token',
      'scan',
      '--processes',
      '--json',
      gateway.home,
      backup,
    ]);
    const { findings } = json as { findings: readonly { readonly name: string | null }[] };
    assert.deepEqual(
      findings.filter(({ name }) => name === 'careful'),
      [],
    );
    assert.ok(code === 0 || code === 1 || code === 5);
  } finally {
    execFileSync('rm', ['-f', backup]);
  }
});
