import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { memoryHolds } from '../fixtures/memory.ts';
import { approveAll, operate } from '../fixtures/operator.ts';
import { processesOf, removeHome } from '../fixtures/processes.ts';

/** What the operator's shell holds; none of it may be anywhere but in keeper and egress. */
const PLANTED = {
  OPENAI_API_KEY: 'sk-canary-openai-7f3a91c2d4e85b60',
  ANTHROPIC_API_KEY: 'sk-ant-canary-anthropic-1b2c3d4e5f60718293',
  AWS_SECRET_ACCESS_KEY: 'canary/aws/Zm9vYmFyYmF6cXV4',
};
const FORMS = Object.values(PLANTED).flatMap((value) => [
  value,
  Buffer.from(value).toString('base64'),
  encodeURIComponent(value),
]);

let model: HostileModel;
let gateway: TestGateway;
let home: string;
let token: string;
const shown: string[] = [];

const planted = (text: string): readonly string[] => FORMS.filter((form) => text.includes(form));

before(async () => {
  model = await startHostileModel();
  gateway = await startGateway({ config: configFor(model), env: PLANTED });
  home = gateway.home;
  token = await gateway.issueToken('client', ['operator.read', 'operator.write']);
});

after(async () => {
  await gateway.stop();
  await model[Symbol.asyncDispose]();
  await removeHome(home);
});

describe('a provider key', () => {
  test('reaches the provider that it is bound to, and no other key does', async () => {
    const { stdout, stderr } = await gateway.cli(['agent', '--message', 'hello']);
    shown.push(stdout, stderr);
    assert.equal(model.headers[0]?.authorization, `Bearer ${PLANTED.OPENAI_API_KEY}`);
    assert.equal(JSON.stringify(model.headers).includes(PLANTED.ANTHROPIC_API_KEY), false);
    assert.equal(JSON.stringify(model.headers).includes(PLANTED.AWS_SECRET_ACCESS_KEY), false);
  });

  test('secrets/a key that the provider repeats in its answer: refused', async () => {
    model.script('reflect', [{ reflectKey: true }]);
    const { stdout, stderr } = await gateway.cli(['agent', '--message', 'reflect']);
    shown.push(stdout, stderr);
    assert.match(stdout, /your key is Bearer/);
    assert.deepEqual(planted(stdout), []);
    const history = await call(`${gateway.url}/v1/chat/completions`, {
      token,
      body: { model: 'gatehouse/main', messages: [{ role: 'user', content: 'reflect' }] },
    });
    assert.equal(history.status, 200, history.text);
    assert.match(history.text, /your key is Bearer/);
    assert.deepEqual(planted(history.text), []);
  });

  test('secrets/a placeholder that the model writes for egress to fill: refused', async () => {
    model.script('fill', [
      { calls: [{ tool: 'shell', args: { command: 'echo {{secret:models.providers.hostile.apiKey}}' } }] },
    ]);
    const { stdout, stderr } = await approveAll(home, gateway.cli(['agent', '--message', 'fill']));
    shown.push(stdout, stderr);
    assert.deepEqual(planted(model.toolResults('fill').join()), []);
  });
});

describe('what a run can look at', () => {
  test('secrets/the environment of a run and of its first process: refused', async () => {
    const commands = ['cat /proc/self/environ', 'cat /proc/1/environ', 'cat /proc/1/cmdline'];
    model.script('look', [{ calls: commands.map((command) => ({ tool: 'shell', args: { command } })) }]);
    const { stdout, stderr } = await approveAll(home, gateway.cli(['agent', '--message', 'look']));
    shown.push(stdout, stderr);
    const results = model.toolResults('look');
    assert.equal(results.length, 3);
    assert.match(results[0] ?? '', /HOME=\/tmp/);
    assert.deepEqual(planted(results.join('\n')), []);
    assert.doesNotMatch(results.join('\n'), /GATEHOUSE|API_KEY|AWS_/);
  });
});

describe('nothing planted is found', () => {
  test("secrets/the gateway's environment: refused", () => {
    const environment = readFileSync(`/proc/${gateway.pid}/environ`, 'latin1');
    assert.match(environment, /GATEHOUSE_SECRET_NAMES=ANTHROPIC_API_KEY,OPENAI_API_KEY/);
    assert.deepEqual(planted(environment), []);
  });

  test("secrets/the gateway's memory: refused", async () => {
    const { egress } = (await operate(home, 'gateway.status')).result as { egress: { pid: number } };
    // The same search finds the key where it has to be.
    assert.deepEqual(memoryHolds(egress.pid, [PLANTED.OPENAI_API_KEY]), [PLANTED.OPENAI_API_KEY]);
    assert.deepEqual(memoryHolds(gateway.pid, FORMS), []);
  });

  test('secrets/arguments of any process: refused', () => {
    for (const { pid, argv } of processesOf(home)) assert.deepEqual(planted(argv.join(' ')), [], String(pid));
  });

  test('secrets/everything that the command line prints: refused', async () => {
    const commands = [
      'config get',
      'gateway status',
      'doctor',
      'models list',
      'sandbox explain',
      'ledger tail --limit 500',
      'chat history main',
      'sessions list',
      'logs tail',
    ];
    for (const command of commands) {
      const { code, stdout, stderr } = await gateway.cli([...command.split(' '), '--json']);
      // 5: doctor has something to say about the account or the machine that the test runs on.
      assert.ok(code === 0 || (command === 'doctor' && code === 5), `${command}: ${stderr}`);
      shown.push(stdout, stderr);
    }
    assert.deepEqual(planted(shown.join('\n')), []);
    assert.deepEqual(planted(gateway.output()), []);
  });

  test('secrets/every file of the home: refused', () => {
    for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const text = readFileSync(path, 'latin1');
      assert.deepEqual(planted(text), [], path);
      assert.equal(text.includes(token), false, path);
    }
  });
});
