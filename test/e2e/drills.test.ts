import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CliResult, startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { startTelegram, type TelegramServer } from '../fixtures/telegram-bot-api.ts';

const TOKEN = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const HOOK_KEY = Buffer.from('a source that signs what it sends').toString('base64');

interface Attempt {
  readonly tried: string;
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
  readonly noEvent: string;
  readonly noAlert: string;
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
  let telegram: TelegramServer;
  let model: HostileModel;

  before(async () => {
    model = await startHostileModel();
    telegram = await startTelegram(TOKEN);
    gateway = await startGateway({
      config: {
        ...configFor(model),
        channels: {
          telegram: {
            botToken: '${BOT_TOKEN}',
            apiRoot: telegram.url,
            groups: { '-500': { allowFrom: ['1001'] } },
          },
          webhook: { accounts: { ci: { secret: '${HOOK_SECRET}', allowFrom: ['ci'] } } },
        },
        gateway: { listeners: { metrics: { enabled: true, port: 0 }, webhooks: { port: 0 } } },
      },
      env: { OPENAI_API_KEY: 'sk-drills', BOT_TOKEN: TOKEN, HOOK_SECRET: `whsec_${HOOK_KEY}` },
    });
    all = report(await gateway.cli(['drill', 'run', '--json']));
    human = await gateway.cli(['drill', 'run', 'listen.rebinding', 'listen.undeclared-listener']);
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await telegram[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
  });

  test('no drill called a model or sent anything to a chat platform', () => {
    assert.deepEqual(telegram.sent, []);
    assert.equal(model.headers.length, 0);
  });

  test('drills of senders and of the webhooks listener are among those that ran', () => {
    const ran = all.results.filter(({ status }) => status === 'passed').map(({ drill }) => drill);
    for (const drill of [
      'senders.stranger',
      'senders.reused-pairing-code',
      'senders.forged-delivery',
      'egress.metadata-service',
      'egress.rebinding',
      'egress.not-tls',
      'egress.secret-to-wrong-host',
      'auth.rotation-under-load',
      'auth.disabled-principal',
      'budget.overrun',
      'execution.host-files',
      'trace.edited-record',
    ])
      assert.ok(ran.includes(drill), `${drill} in ${ran.join(' ')}`);
    const planes = all.results
      .find(({ drill }) => drill === 'listen.rebinding')
      ?.attempts.map(({ tried }) => tried);
    assert.equal(planes?.length, 3);
  });

  test('every drill that can run here is refused, recorded and alerted', () => {
    const failed = all.results.filter(({ status }) => status === 'failed');
    assert.deepEqual(
      failed.map(({ drill, why }) => `${drill}: ${why}`),
      [],
    );
    assert.equal(all.ok, true);
    for (const { drill, status, attempts, noEvent, noAlert, detectMs, recoverMs } of all.results) {
      if (status === 'not-applicable') continue;
      assert.ok(recoverMs !== null, drill);
      if (noEvent === '' || noAlert === '') assert.ok(detectMs !== null, drill);
      for (const { refusedBy, event } of attempts) {
        assert.ok(refusedBy !== null && refusedBy.rule !== '', drill);
        if (noEvent === '') assert.ok(event !== null, drill);
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
    const none = await operate(gateway.home, 'ledger.show', { writer: event?.writer, seq: 9_999_999 });
    assert.equal(none.error.code, 'OP_RECORD_NOT_FOUND');
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
    const { principals } = (await operate(gateway.home, 'principal.list')).result as {
      principals: { name: string }[];
    };
    assert.deepEqual(principals, []);
    assert.deepEqual((await operate(gateway.home, 'budget.show')).result['lines'], []);
    const { pending } = (await operate(gateway.home, 'pairing.list')).result as { pending: unknown[] };
    assert.deepEqual(pending, []);
    const { senders } = (await operate(gateway.home, 'senders.list')).result as {
      senders: { sender: string }[];
    };
    assert.deepEqual(
      senders.map(({ sender }) => sender),
      ['ci'],
    );
    const { findings } = (await operate(gateway.home, 'doctor.run', { clientVersion: '0.0.0' })).result as {
      findings: { id: string }[];
    };
    assert.ok(findings.some(({ id }) => id === 'DOCTOR_VERSION_DIFFERS'));
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
    const { alerts } = (await operate(gateway.home, 'alerts.list', { limit: 1_000 })).result as {
      alerts: { rule: string; drill?: string }[];
    };
    const rules = new Set(alerts.map(({ rule }) => rule));
    for (const rule of ['auth.spike', 'auth.denied-spike', 'senders.spike', 'egress.spike', 'listener.drift'])
      assert.ok(rules.has(rule), `${rule} in ${[...rules].join(' ')}`);
    const others = alerts.filter(
      ({ rule, drill }) =>
        rule !== 'listener.restored' && !/^(r[0-9a-f]{10}|drill-d[0-9a-f]{10})$/.test(drill ?? ''),
    );
    assert.deepEqual(others, []);
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
    const unscheduled = await operate(gateway.home, 'drill.run', { schedule: true });
    assert.equal(unscheduled.error.code, 'DRILL_NOT_SCHEDULED');
  });
});

describe('drills on an install whose controls are weaker than they look', () => {
  let gateway: TestGateway;
  let result: CliResult;

  before(async () => {
    gateway = await startGateway({
      config: {
        gateway: {
          auth: { rateLimit: { maxAttempts: 1_000 } },
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
      'auth.brute-force',
    ]);
  });
  after(() => gateway[Symbol.asyncDispose]());

  test('the drill fails where the control lets it through, and only there; the exit code says so', () => {
    assert.equal(result.code, 1, result.stdout);
    for (const drill of ['rebinding', 'hostile-origin', 'hostile-origin-websocket'])
      assert.match(result.stdout, new RegExp(`FAIL {2}listen\\.${drill} `), result.stdout);
    assert.match(result.stdout, /FAIL {2}auth\.brute-force/);
    assert.match(result.stdout, /pass {2}listen\.null-origin/);
    assert.match(result.stdout, /problem {2}nothing refused it/);
  });

  test('a failed drill is an alert of its own', async () => {
    const { alerts } = (await operate(gateway.home, 'alerts.list', { rule: 'drill.failed' })).result as {
      alerts: { title: string; code: string; drill?: string }[];
    };
    assert.equal(alerts[0]?.code, 'DRILL_FAILED');
    assert.equal(alerts.length, 4);
    assert.match(alerts[0]?.title ?? '', /nothing refused it/);
    assert.equal(alerts[0]?.drill, undefined);
  });
});

test('a gateway that is killed while a drill runs removes what the drill had made when it starts again', async () => {
  const home = temporaryHome();
  try {
    const first = await startGateway({ home });
    const running = operate(home, 'drill.run', { names: ['auth.disabled-principal'] }).catch(() => undefined);
    await until(async () => {
      const { tokens } = (await operate(home, 'token.list')).result as { tokens: { name: string }[] };
      return tokens.some(({ name }) => name.startsWith('drill-'));
    }, 'the drill made no token');
    await first.kill();
    await running;
    await using second = await startGateway({ home });
    const { tokens } = (await operate(home, 'token.list')).result as { tokens: { name: string }[] };
    assert.deepEqual(
      tokens.filter(({ name }) => name.startsWith('drill-')),
      [],
    );
    const { principals } = (await operate(home, 'principal.list')).result as { principals: unknown[] };
    assert.deepEqual(principals, []);
    const [cleaned] = await records(second.home, { action: 'drill.cleaned-up' });
    assert.equal(cleaned?.outcome, 'success');
  } finally {
    await removeHome(home);
  }
});
