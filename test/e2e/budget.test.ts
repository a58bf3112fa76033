import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

const ENV = { OPENAI_API_KEY: 'sk-budget-0123456789abcdef' };

let model: HostileModel;
let gateway: TestGateway;
let home: string;

/** A host of the size that its path says. */
const host = createServer(({ url = '/' }, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end('x'.repeat(Number(url.slice(1))));
});

const fetching = (port: number) => `playbook: fetching
version: 1
owner: tests
review: 2099-01-31
purpose: An agent that reads one host.
tools: { allow: [list, web_fetch] }
commands:
  - otherwise: deny
    reason: tests
files: { workspace: rw }
egress:
  - { host: localhost, port: ${port}, protocol: http, networks: [127.0.0.0/8, '::1/128'], reason: tests }
`;

const settings = (budget: object) => {
  const base = configFor(model) as { agents: { defaults: object } };
  const agents = { defaults: { ...base.agents.defaults, playbook: 'fetching' } };
  const config = { ...base, agents, budget };
  writeFileSync(join(home, 'gatehouse.json'), JSON.stringify(config), { mode: 0o600 });
};

interface Line {
  readonly scope: string;
  readonly measure: string;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
}

async function lineOf(measure: string, scope = 'install'): Promise<Line | undefined> {
  const { result } = await operate(home, 'budget.show');
  return (result['lines'] as readonly Line[]).find(
    (line) => line.scope === scope && line.measure === measure,
  );
}

async function apply(budget: object): Promise<void> {
  settings(budget);
  const { ok, error } = await operate(home, 'config.reload');
  assert.equal(ok, true, error?.message);
}

before(async () => {
  model = await startHostileModel();
  home = temporaryHome();
  host.listen(0, '127.0.0.1').unref();
  await once(host, 'listening');
  const { port } = host.address() as AddressInfo;
  mkdirSync(join(home, 'playbooks'), { mode: 0o700 });
  writeFileSync(join(home, 'playbooks', 'fetching.yaml'), fetching(port), { mode: 0o600 });
  settings({});
  gateway = await startGateway({ home, env: ENV });
});

after(async () => {
  await gateway.stop();
  await model[Symbol.asyncDispose]();
  await removeHome(home);
  host.close();
});

const say = (word: string) => operate(home, 'agent.run', { message: word, sessionKey: word });

describe('a running gateway', () => {
  test('budget/one call more over HTTP than a principal has: refused, and others go on', async () => {
    await apply({ eachPrincipal: { requests: { day: 2 } } });
    const [first, second] = [
      await gateway.issueToken('one', ['operator.read']),
      await gateway.issueToken('two', ['operator.read']),
    ];
    const ask = (token: string) => call(`${gateway.url}/api/v1/health.get`, { token, body: {} });
    for (const expected of [200, 200, 429]) {
      const answer = await ask(first);
      assert.equal(answer.status, expected, answer.text);
      if (expected === 429) assert.match(answer.text, /BUDGET_EXCEEDED/);
    }
    assert.equal((await ask(second)).status, 200);
    const [refusal] = await records(home, { action: 'budget.reserve' });
    assert.equal(refusal?.code, 'BUDGET_EXCEEDED');
  });

  test('budget/a turn past the tokens of the install: refused before the model hears of it', async () => {
    await apply({ install: { tokens: { day: 10 } } });
    const { result, error } = await say('tokens');
    assert.match(JSON.stringify(result ?? error), /BUDGET_EXCEEDED/);
    assert.equal(model.calls('tokens'), 0);
    assert.equal((await lineOf('tokens'))?.reserved, 0);
  });

  test('budget/a model without a price where money is limited: refused', async () => {
    await apply({ install: { money: { month: 5 } } });
    const { result, error } = await say('money');
    assert.match(JSON.stringify(result ?? error), /BUDGET_PRICE_UNKNOWN/);
    assert.equal(model.calls('money'), 0);
    const { stdout } = await gateway.cli(['budget', 'show', '--json']);
    assert.match(stdout, /"unpriced": ?\[\s*"hostile\/hostile"/);
    await apply({
      install: { money: { month: 5 } },
      prices: { 'hostile/hostile': { input: 3, output: 15 } },
    });
    assert.equal((await say('priced')).ok, true);
    assert.equal(model.calls('priced'), 1);
    assert.ok(((await lineOf('money'))?.used ?? 0) > 0);
  });

  test('budget/one call of a tool more than the install has: refused without a run', async () => {
    await apply({ install: { runs: { day: 1 } } });
    model.script('runs', [{ calls: [{ tool: 'list', args: {} }] }, { calls: [{ tool: 'list', args: {} }] }]);
    await say('runs');
    const [first = '', second = ''] = model.toolResults('runs');
    assert.doesNotMatch(first, /BUDGET/);
    assert.match(second, /BUDGET_EXCEEDED/);
    assert.equal((await records(home, { action: 'tool.started' })).length, 1);
  });

  test('budget/more bytes in one run than are set aside, or than are left: refused, and what moved is counted', async () => {
    const { port } = host.address() as AddressInfo;
    const fetch = (size: number) => ({
      calls: [{ tool: 'web_fetch', args: { url: `http://localhost:${port}/${size}` } }],
    });
    await apply({ install: { bytes: { day: 800_000 } } });
    model.script('bytes', [fetch(1_000), fetch(3_000_000)]);
    await say('bytes');
    const [small = ''] = model.toolResults('bytes');
    assert.match(small, /xxx/);
    // How a connection ended is written with the next record, or a moment later.
    await until(
      async () => (await records(home, { action: 'net.closed', code: 'EGRESS_LIMIT_BUDGET' })).length === 1,
      'no connection ended for want of budget',
    );
    const line = await lineOf('bytes');
    assert.ok(
      (line?.used ?? 0) > 200_000 && (line?.used ?? 0) < 330_000 && line?.reserved === 0,
      JSON.stringify(line),
    );
    await apply({ install: { bytes: { day: line?.used ?? 0 } } });
    const ways = async () =>
      (await records(home, { action: 'net.connect' })).filter(({ data }) => data?.['host'] === 'localhost')
        .length;
    const before = await ways();
    model.script('nomore', [fetch(10)]);
    await say('nomore');
    assert.match(model.toolResults('nomore')[0] ?? '', /BUDGET_EXCEEDED/);
    assert.equal(await ways(), before, 'no run got a way out');
    const { stdout } = await gateway.cli(['budget', 'show']);
    assert.match(stdout, /bytes/);
  });

  test('what was set aside when the process was killed counts as used', async () => {
    await apply({ install: { tokens: { day: 1_000_000 } } });
    model.script('killed', [{ hold: true }]);
    const turn = say('killed').catch(() => 'cut off');
    await model.held('killed');
    const before = await lineOf('tokens');
    assert.ok((before?.reserved ?? 0) > 0);
    await gateway.kill();
    await turn;
    gateway = await startGateway({ home, env: ENV });
    const now = await lineOf('tokens');
    assert.equal(now?.reserved, 0);
    assert.equal(now?.used, (before?.used ?? 0) + (before?.reserved ?? 0));
  });
});
