import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CliResult, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { operate, records } from '../fixtures/operator.ts';

interface Attempt {
  readonly refusedBy: { readonly code: string; readonly rule: string } | null;
  readonly event: { readonly writer: string; readonly seq: number; readonly code: string } | null;
  readonly alert: { readonly rule: string } | null;
  readonly problems: readonly string[];
}
interface Result {
  readonly drill: string;
  readonly status: string;
  readonly why: string;
  readonly attempts: readonly Attempt[];
  readonly detectMs: number | null;
  readonly recoverMs: number | null;
}
interface Report {
  readonly ok: boolean;
  readonly run: string;
  readonly results: readonly Result[];
}

function report(result: CliResult): Report {
  assert.ok(result.json !== undefined, result.stderr);
  return result.json as Report;
}

describe('drills on a live install', () => {
  let gateway: TestGateway;
  let all: Report;
  let human: CliResult;

  before(async () => {
    gateway = await startGateway();
    all = report(await gateway.cli(['drill', 'run', '--json']));
    human = await gateway.cli(['drill', 'run', 'listen.rebinding', 'listen.undeclared-listener']);
  });
  after(() => gateway[Symbol.asyncDispose]());

  test('every drill that can run here is refused, recorded and alerted', () => {
    const failed = all.results.filter(({ status }) => status === 'failed');
    assert.deepEqual(
      failed.map(({ drill, why }) => `${drill}: ${why}`),
      [],
    );
    assert.equal(all.ok, true);
    for (const { drill, status, attempts, detectMs, recoverMs } of all.results) {
      if (status === 'not-applicable') continue;
      assert.ok(detectMs !== null && recoverMs !== null, drill);
      for (const { refusedBy, event } of attempts) {
        assert.ok(refusedBy !== null && refusedBy.rule !== '', drill);
        assert.ok(event !== null, drill);
      }
    }
  });

  test('each result points at the record that the attempt caused', async () => {
    const [first] = all.results.filter(({ status }) => status === 'passed');
    const { event, refusedBy } = first?.attempts[0] ?? {};
    const { result } = await operate(gateway.home, 'ledger.show', { writer: event?.writer, seq: event?.seq });
    const { record } = result as { record: { code: string; data: { address: string } } };
    assert.equal(record.code, refusedBy?.code);
    assert.match(record.data.address, /^127\.\d+\.\d+\.\d+$/);
    assert.notEqual(record.data.address, '127.0.0.1');
  });

  test('a second run of the same drills right after the first passes too', () => {
    assert.equal(human.code, 0, human.stdout + human.stderr);
    assert.match(human.stdout, /pass {2}listen\.rebinding/);
    assert.match(human.stdout, /refused {2}LISTEN_HOST_NOT_ALLOWED \(gateway\.allowedHosts\)/);
    assert.match(human.stdout, /2 passed, 0 failed/);
  });

  test('nothing that drills made is left, and the operator is not locked out', async () => {
    const { tokens } = (await operate(gateway.home, 'token.list')).result as { tokens: { name: string }[] };
    assert.deepEqual(
      tokens.filter(({ name }) => name.startsWith('drill-')),
      [],
    );
    const { findings } = (await operate(gateway.home, 'doctor.run')).result as { findings: { id: string }[] };
    assert.deepEqual(
      findings.filter(({ id }) => id.startsWith('listen.')),
      [],
    );
    const answer = await fetch(`${gateway.url}/api/v1/gateway.status`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.firstToken ?? ''}`, 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(answer.status, 200);
  });

  test('alerts that drills provoked say so', async () => {
    const { alerts } = (await operate(gateway.home, 'alerts.list', { rule: 'auth.spike' })).result as {
      alerts: { drill?: string }[];
    };
    assert.ok(alerts.length > 0);
    for (const { drill } of alerts) assert.match(drill ?? '', /^r[0-9a-f]{10}$/);
  });

  test('history tells of both runs, from the ledger', async () => {
    const result = await gateway.cli(['drill', 'history', '--json']);
    const { runs, results } = result.json as { runs: { run: string; ok: boolean }[]; results: Result[] };
    assert.equal(runs.length, 2);
    assert.equal(runs[1]?.run, all.run);
    assert.ok(results.some(({ drill }) => drill === 'listen.rebinding'));
    const summary = await records(gateway.home, { type: 'drill', action: 'drill.finished' });
    assert.equal(summary.length, 2);
  });

  test('drills/a principal without operator.admin runs them: refused', async () => {
    const token = await gateway.issueToken('reader', ['operator.read']);
    const answer = await fetch(`${gateway.url}/api/v1/drill.run`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /AUTH_SCOPE_MISSING/);
    assert.equal((await records(gateway.home, { action: 'drill.started' })).length, 2);
  });

  test('drills/a name that no drill has: refused as a wrong command line', async () => {
    const result = await gateway.cli(['drill', 'run', 'listen.nothing']);
    assert.equal(result.code, 2);
    assert.match(result.stderr, /DRILL_UNKNOWN/);
  });
});

describe('drills on an install whose controls are weaker than they look', () => {
  let gateway: TestGateway;
  let result: CliResult;

  before(async () => {
    gateway = await startGateway({
      config: {
        gateway: {
          allowedHosts: ['evil.example'],
          controlUi: { allowedOrigins: ['https://evil.example'] },
        },
      },
    });
    result = await gateway.cli([
      'drill',
      'run',
      'listen.rebinding',
      'listen.hostile-origin',
      'listen.hostile-origin-websocket',
      'listen.null-origin',
    ]);
  });
  after(() => gateway[Symbol.asyncDispose]());

  test('the drill fails where the control lets it through, and only there; the exit code says so', () => {
    assert.equal(result.code, 1, result.stdout);
    for (const drill of ['rebinding', 'hostile-origin', 'hostile-origin-websocket'])
      assert.match(result.stdout, new RegExp(`FAIL {2}listen\\.${drill} `), result.stdout);
    assert.match(result.stdout, /pass {2}listen\.null-origin/);
    assert.match(result.stdout, /problem {2}nothing refused it/);
  });

  test('a failed drill is an alert of its own', async () => {
    const { alerts } = (await operate(gateway.home, 'alerts.list', { rule: 'drill.failed' })).result as {
      alerts: { title: string; drill?: string }[];
    };
    assert.equal(alerts.length, 3);
    assert.match(alerts[0]?.title ?? '', /nothing refused it/);
    assert.equal(alerts[0]?.drill, undefined);
  });
});
