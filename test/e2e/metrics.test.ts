import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { approveAll, operate, records, until } from '../fixtures/operator.ts';
import { readPrometheusText, type Scraped } from '../fixtures/prometheus-text.ts';

let gateway: TestGateway;
let model: HostileModel;
let url: string;
let scraper: string;
let reader: string;

async function scrape(): Promise<Scraped> {
  const { status, text } = await call(`${url}/metrics`, { token: scraper });
  assert.equal(status, 200, text);
  return readPrometheusText(text);
}

function valueOf({ series }: Scraped, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return series
    .filter(
      (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

before(async () => {
  model = await startHostileModel();
  const config = {
    ...configFor(model),
    gateway: { listeners: { metrics: { enabled: true, port: 0 } } },
    budget: { install: { requests: { day: 1_000_000 } } },
  };
  gateway = await startGateway({ config, env: { OPENAI_API_KEY: 'sk-metrics' } });
  const { listeners } = (await operate(gateway.home, 'inventory.listeners')).result as {
    listeners: { plane: string; port: number; family: string }[];
  };
  const own = listeners.find(({ plane, family }) => plane === 'metrics' && family === 'tcp4');
  url = `http://127.0.0.1:${own?.port}`;
  scraper = await gateway.issueToken('prometheus', ['metrics.read']);
  reader = await gateway.issueToken('reader', ['operator.read']);
});

after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
});

describe('/metrics', () => {
  test('a scrape with the narrow scope is the text format, read strictly, and names every area', async () => {
    const scraped = await scrape();
    for (const name of [
      'gatehouse_logins_refused_total',
      'gatehouse_listeners',
      'gatehouse_listeners_undeclared',
      'gatehouse_approvals_waiting',
      'gatehouse_approvals_oldest_seconds',
      'gatehouse_egress_connections_total',
      'gatehouse_egress_top_destination_bytes',
      'gatehouse_budget_used_ratio',
      'gatehouse_turns_total',
      'gatehouse_tool_runs_total',
      'gatehouse_sandbox_starts_total',
      'gatehouse_ledger_head',
      'gatehouse_ledger_unsigned_seconds',
      'gatehouse_ledger_verified',
      'gatehouse_export_lag_seconds',
      'process_resident_memory_bytes',
      'gatehouse_grants_open',
      'gatehouse_drills_passed_age_seconds',
      'gatehouse_certificate_days_left',
    ])
      assert.ok(scraped.types.has(name), name);
    const page = readFileSync(new URL('../../docs/operating/metrics.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|.*\| (.+) \|$/gm)].map(
      ([, name, type, help]) => [name, type, help],
    );
    assert.deepEqual(
      [...scraped.types].map(([name, type]) => [name, type, scraped.helps.get(name)]),
      documented,
    );
    assert.equal(valueOf(scraped, 'gatehouse_egress_up'), 1);
    assert.equal(valueOf(scraped, 'gatehouse_listeners_undeclared'), 0);
    assert.ok(valueOf(scraped, 'process_resident_memory_bytes') > 30e6);
    assert.ok(valueOf(scraped, 'gatehouse_ledger_head', { writer: 'gateway' }) > 0);
    const command = await gateway.cli(['metrics']);
    assert.equal(command.code, 0, command.stderr);
    assert.match(command.stdout, /^# TYPE gatehouse_turns_total counter$/m);
  });

  test('a turn with a tool shows as turn, model call, tokens, tool run and sandbox start', async () => {
    const before = await scrape();
    model.script('measure', [{ calls: [{ tool: 'shell', args: { command: 'ls' } }] }, { say: 'done' }]);
    const turn = await approveAll(
      gateway.home,
      operate(gateway.home, 'agent.run', { message: 'measure this' }),
    );
    assert.ok(turn.ok, turn.error?.message);
    // One look serves a second of scrapes, and records that nobody waits for come a moment later.
    let now = await scrape();
    const calls = (at: Scraped) => valueOf(at, 'gatehouse_model_calls_total');
    await until(async () => {
      now = await scrape();
      return calls(now) - calls(before) >= 2;
    }, 'the turn is not counted');
    const grown = (name: string, labels = {}) => valueOf(now, name, labels) - valueOf(before, name, labels);
    assert.equal(grown('gatehouse_turns_total'), 1);
    assert.equal(grown('gatehouse_model_calls_total', { outcome: 'success' }), 2);
    assert.ok(grown('gatehouse_model_tokens_total', { direction: 'input' }) > 0);
    assert.equal(grown('gatehouse_tool_runs_total', { tool: 'shell', outcome: 'success' }), 1);
    assert.equal(grown('gatehouse_sandbox_starts_total', { end: 'exited' }), 1);
    assert.ok(grown('gatehouse_egress_connections_total', { effect: 'allow', class: 'model' }) >= 1);
    assert.equal(
      now.series.some(({ labels }) => labels['model'] === 'other'),
      false,
    );
  });

  test('metrics/without a token, with a token of another scope, or on the port of users: refused', async () => {
    const nobody = await call(`${url}/metrics`);
    assert.equal(nobody.status, 401);
    const other = await call(`${url}/metrics`, { token: reader });
    assert.deepEqual([other.status, other.code], [403, 'AUTH_SCOPE_MISSING']);
    const [refused] = await records(gateway.home, { code: 'AUTH_SCOPE_MISSING' });
    assert.equal(refused?.data?.['operation'], 'metrics.show');
    assert.equal((await call(`${gateway.url}/metrics`, { token: scraper })).status, 404);
    assert.equal((await call(`${gateway.url}/metrics`, { token: scraper, method: 'POST' })).status, 404);
    for (const answer of [nobody, other]) assert.doesNotMatch(answer.text, /gatehouse_/);
  });

  test('metrics/the scraper asks for anything else, there or on the port of users: refused', async () => {
    for (const path of [
      '/v1/models',
      '/api/v1/gateway.status',
      '/openapi.json',
      '/login',
      '/metrics/x',
      '/METRICS',
    ])
      assert.equal((await call(`${url}${path}`, { token: scraper })).status, 404, path);
    const answer = await call(`${gateway.url}/api/v1/gateway.status`, { token: scraper, body: {} });
    assert.deepEqual([answer.status, answer.code], [403, 'AUTH_SCOPE_MISSING']);
    assert.equal((await call(`${url}/metrics?token=${scraper}`)).status, 400);
    assert.equal((await call(`${url}/metrics`, { token: scraper, method: 'POST' })).status, 405);
    const rebound = await call(`${url}/metrics`, { token: scraper, headers: { host: 'evil.example.org' } });
    assert.notEqual(rebound.status, 200);
  });

  test('refused logins are counted by code, repeats included, and made-up names add no series', async () => {
    const before = await scrape();
    for (let n = 0; n < 12; n++) await call(`${gateway.url}/v1/models`, { token: `gth_made_up_${n}` });
    // What was counted and not recorded one by one is written within the minute; the first of each is there at once.
    let now = before;
    const refused = (at: Scraped) => valueOf(at, 'gatehouse_logins_refused_total');
    await until(async () => {
      now = await scrape();
      return refused(now) > refused(before);
    }, 'nothing was counted');
    const text = JSON.stringify(now.series);
    assert.doesNotMatch(text, /made_up|127\.0\.0\.1:\d+"\}.*logins/);
    for (const name of now.types.keys()) {
      const own = now.series.filter((one) => one.name === name);
      assert.ok(own.length <= 200, name);
    }
  });
});
