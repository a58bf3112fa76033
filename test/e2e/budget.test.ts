import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { operate, records } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

const ENV = { OPENAI_API_KEY: 'sk-budget-0123456789abcdef' };

let model: HostileModel;
let gateway: TestGateway;
let home: string;

const settings = (budget: object) => {
  const config = { ...configFor(model), budget };
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
  settings({});
  gateway = await startGateway({ home, env: ENV });
});

after(async () => {
  await gateway.stop();
  await model[Symbol.asyncDispose]();
  await removeHome(home);
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
