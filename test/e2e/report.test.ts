import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { approveAll, operate, records, until } from '../fixtures/operator.ts';

let gateway: TestGateway;
let model: HostileModel;

interface Section {
  readonly id: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

interface Reported {
  readonly sections: readonly Section[];
  readonly complete: boolean;
  readonly text: string;
}

async function report(input: object = {}): Promise<Reported> {
  const { ok, result, error } = await operate(gateway.home, 'report.create', input);
  assert.ok(ok, error?.message);
  return result as unknown as Reported;
}

const rowsOf = ({ sections }: Reported, id: string) => sections.find((one) => one.id === id)?.rows ?? [];
const valueOf = (from: Reported, id: string, item: string) =>
  rowsOf(from, id).find(([name]) => name === item)?.[1];

before(async () => {
  model = await startHostileModel();
  const config = {
    ...configFor(model),
  };
  gateway = await startGateway({ config, env: { OPENAI_API_KEY: 'sk-report' } });
});

after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
});

describe('gatehouse report', () => {
  test('says what happened: rejected logins, cost, revocations, grants, alerts, drills', async () => {
    const { home } = gateway;
    for (let n = 0; n < 5; n++) await call(`${gateway.url}/v1/models`, { token: 'nonsense' });
    model.script('work', [{ calls: [{ tool: 'shell', args: { command: 'ls' } }] }, { say: 'done' }]);
    await approveAll(home, operate(home, 'agent.run', { message: 'work now' }));
    const token = await gateway.issueToken('leaky', ['operator.read']);
    const { createHash } = await import('node:crypto');
    const digest = createHash('sha256').update(token).digest('hex');
    const identified = await operate(home, 'token.identify', {
      found: [{ digest, place: '/srv/backup/.env' }],
    });
    assert.ok(identified.ok, identified.error?.message);
    await until(
      async () => (await records(home, { type: 'alert', action: 'auth.token-exposed' })).length > 0,
      'the exposure is not on record',
    );
    await gateway.cli(['token', 'revoke', 'leaky']);
    const input = { kind: 'net.connect', match: ['host=api.example.org', 'port=443'], forMs: 60_000 };
    await operate(home, 'grant.breakglass', { ...input, ticket: 'OPS-9', reason: 'report' });
    let made = await report();
    await until(async () => {
      made = await report();
      return Number(valueOf(made, 'spending-total', 'tool runs')) > 0;
    }, 'the tool run is not in the report');
    assert.equal(made.complete, false);
    assert.ok(Number(valueOf(made, 'logins', 'rejected logins')) >= 1);
    assert.ok(rowsOf(made, 'logins-by-code').some(([code]) => String(code).startsWith('AUTH_')));
    assert.equal(valueOf(made, 'spending-total', 'turns'), 1);
    const [spent] = rowsOf(made, 'spending');
    assert.ok(Number(spent?.[2]) >= 2 && Number(spent?.[3]) > 0, JSON.stringify(spent));
    assert.equal(valueOf(made, 'revocations', 'tokens revoked'), 1);
    assert.equal(valueOf(made, 'revocations', 'of these revoked'), 1);
    assert.match(String(valueOf(made, 'revocations', 'mean time to revoke')), /^\d+ (s|min)$/);
    const grant = rowsOf(made, 'grants').find(([, , , ticket]) => ticket === 'OPS-9');
    assert.equal(grant?.at(-1), 'yes');
    assert.ok(rowsOf(made, 'alerts').some(([rule]) => rule === 'grant.breakglass'));
    for (const { columns, rows } of made.sections)
      for (const row of rows) assert.equal(row.length, columns.length);
  });

  test('compares before and after a change, and comes as Markdown, HTML, CSV and JSON, also without a gateway', async () => {
    const compared = await report({ changed: Date.now() });
    const rows = rowsOf(compared, 'logins-before-after');
    assert.deepEqual(
      rows.map(([when]) => when),
      ['before', 'after'],
    );
    for (const [format, sign] of [
      ['md', /^# Report \d{4}Q\d/],
      ['html', /^<!doctype html>/],
      ['csv', /^section,item,measure,value\r\n/],
      ['json', /^\{\n {2}"title"/],
    ] as const) {
      const { text } = await report({ format });
      assert.match(text, sign);
    }
    const cli = await gateway.cli(['report', '--quarter', '2026Q1', '--format', 'csv']);
    assert.equal(cli.code, 0, cli.stderr);
    assert.match(cli.stdout, /^section,item,measure,value/);
  });

  test('report/a period that has not begun or ends before it begins, or asked for without the right: refused', async () => {
    const next = `${new Date().getUTCFullYear() + 1}Q4`;
    assert.equal(
      (await operate(gateway.home, 'report.create', { quarter: next })).error.code,
      'OP_INPUT_INVALID',
    );
    const backwards = { since: 2_000_000_000_000, until: 1_000_000_000_000 };
    assert.equal((await operate(gateway.home, 'report.create', backwards)).error.code, 'OP_INPUT_INVALID');
    assert.equal((await operate(gateway.home, 'report.create', { quarter: '2026Q5' })).ok, false);
    const reader = await gateway.issueToken('report-reader', ['operator.read']);
    const answer = await call(`${gateway.url}/api/v1/report.create`, { token: reader, body: {} });
    assert.deepEqual([answer.status, answer.code], [403, 'AUTH_SCOPE_MISSING']);
  });
});
