import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { certificateFor } from '../../src/controls/egress/testing/certificates.ts';
import { httpCollector, ocsfIds, otlpIds, syslogCollector } from '../fixtures/collectors.ts';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { ocsfProblems } from '../fixtures/ocsf/validator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

const TOKEN = 'collector-token-0123456789abcdef';
const certificate = certificateFor('localhost');
const plain = await syslogCollector();
const secure = await syslogCollector(certificate);
const http = await httpCollector({ idsOf: ocsfIds, tls: certificate });
const otlp = await httpCollector({ idsOf: otlpIds });
const collectors = [plain, secure, http, otlp];
const home = temporaryHome();
const eventsFile = join(home, 'logs', 'events-archive.jsonl');
let gateway: TestGateway;

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

function config() {
  const ca = join(home, 'ca.pem');
  writeFileSync(ca, certificate.cert);
  const local = { networks: LOOPBACK };
  return {
    trace: {
      export: [
        { name: 'plain', type: 'syslog', host: '127.0.0.1', port: plain.port, transport: 'tcp', ...local },
        {
          name: 'secure',
          type: 'syslog',
          host: 'localhost',
          port: secure.port,
          ca,
          ...local,
          lagMinutes: 0.05,
        },
        {
          name: 'http',
          type: 'http',
          url: `https://localhost:${http.port}/in?index=gate`,
          token: '${SIEM_TOKEN}',
          ca,
          ...local,
        },
        { name: 'otel', type: 'otlp', url: `http://127.0.0.1:${otlp.port}`, ...local },
        { name: 'archive', type: 'file' },
      ],
    },
  };
}

const start = () => startGateway({ home, config: config(), env: { SIEM_TOKEN: TOKEN } });

/** Ids of everything that is in the ledger now. */
function ledgerIds(): readonly string[] {
  const db = new DatabaseSync(join(home, 'state', 'ledger.db'), { readOnly: true });
  try {
    return db
      .prepare('SELECT hash FROM records ORDER BY id')
      .all()
      .map((row) => String(row['hash']));
  } finally {
    db.close();
  }
}

/** Wait until each collector has every record that is in the ledger now. */
async function allArrived(): Promise<readonly string[]> {
  const wanted = ledgerIds();
  await Promise.all(
    collectors.map(({ until }) =>
      until((ids) => {
        const there = new Set(ids);
        return wanted.every((id) => there.has(id));
      }),
    ),
  );
  return wanted;
}

interface Delivery {
  readonly name: string;
  readonly state: string;
  readonly waiting: number;
  readonly failure: { readonly code: string } | null;
}

async function delivery(): Promise<ReadonlyMap<string, Delivery>> {
  const { json, stderr } = await gateway.cli(['ledger', 'export', 'status', '--json']);
  assert.notEqual(json, undefined, stderr);
  return new Map((json as { destinations: Delivery[] }).destinations.map((one) => [one.name, one]));
}

before(async () => {
  for (const one of collectors) await one.die();
  gateway = await start();
  for (const name of ['one', 'two', 'three']) await gateway.issueToken(name, ['operator.read']);
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  await removeHome(home);
  for (const one of collectors) await one[Symbol.asyncDispose]();
});

describe('delivery of the ledger to collectors', () => {
  test('waits for collectors that are dead, and says so', async () => {
    let states = await delivery();
    // The first try of each is made at the start; its answer may be on the way.
    while ([...states.values()].filter(({ state }) => state === 'failing').length < 4)
      states = await delivery();
    for (const name of ['plain', 'secure', 'http', 'otel']) {
      const one = states.get(name);
      assert.equal(one?.failure?.code, 'EGRESS_CONNECT_FAILED', name);
      assert.ok((one?.waiting ?? 0) > 3, name);
    }
    assert.equal(states.get('archive')?.failure, null);
  });

  test('raises an alert when a destination lags behind its limit', async () => {
    for (;;) {
      const { json } = await gateway.cli(['alerts', 'list', '--json']);
      const { alerts } = json as { alerts: { rule: string; code: string; title: string }[] };
      const found = alerts.find(({ rule }) => rule === 'ledger.export-lag');
      if (found === undefined) continue;
      assert.equal(found.code, 'EXPORT_LAGGING');
      assert.match(found.title, /^secure /);
      break;
    }
  });

  test('after kill -9 of everything and a restart, every event arrives at every collector', async () => {
    await gateway.kill();
    await allEnded(home);
    const before = ledgerIds();
    for (const one of collectors) await one.live();
    gateway = await start();
    const wanted = await allArrived();
    assert.ok(before.every((id) => wanted.includes(id)));
    assert.deepEqual([plain.problems, secure.problems], [[], []]);
  });

  test('a collector that dies in between gets what it missed', async () => {
    for (const one of collectors) await one.die();
    await gateway.issueToken('while-dead', ['operator.read']);
    for (const one of collectors) await one.live();
    await gateway.issueToken('while-alive', ['operator.read']);
    await allArrived();
    for (const one of collectors) assert.ok(new Set(one.ids).size <= ledgerIds().length);
  });

  test('what arrives is valid OCSF, the same at each collector, under the id that the record has', () => {
    const posted = http.deliveries.flatMap(({ body }) => JSON.parse(body) as Record<string, unknown>[]);
    for (const event of posted) assert.deepEqual(ocsfProblems(event), []);
    const known = new Map(
      posted.map((event) => [(event['metadata'] as { uid: string }).uid, JSON.stringify(event)]),
    );
    const both = [...plain.messages, ...secure.messages].filter(({ parameters }) =>
      known.has(parameters['id'] ?? ''),
    );
    assert.ok(both.length > 10);
    for (const { parameters, text } of both) assert.equal(text, known.get(parameters['id'] ?? ''));
    const [message] = plain.messages;
    assert.deepEqual([message?.app, message?.facility], ['gatehouse', 13]);
  });

  test('the credential goes to its collector alone, and the ledger does not hold it', () => {
    for (const { headers, path } of http.deliveries) {
      assert.equal(headers.authorization, `Bearer ${TOKEN}`);
      assert.equal(path, '/in?index=gate');
    }
    for (const { headers, path } of otlp.deliveries) {
      assert.equal(headers.authorization, undefined);
      assert.equal(path, '/v1/logs');
    }
    const texts = [...plain.messages.map(({ text }) => text), ...http.deliveries.map(({ body }) => body)];
    assert.ok(texts.every((text) => !text.includes(TOKEN)));
  });

  test('connections of delivery are decided under a rule of class telemetry and recorded', () => {
    const events = http.deliveries.flatMap(
      ({ body }) => JSON.parse(body) as { unmapped: { gatehouse: Rec } }[],
    );
    interface Rec {
      readonly action: string;
      readonly outcome: string;
      readonly rule?: string;
      readonly subject?: { readonly principal: string };
      readonly data?: { readonly class?: string; readonly via?: string };
    }
    const opened = events
      .map(({ unmapped }) => unmapped.gatehouse)
      .filter(({ action, subject }) => action === 'net.connect' && subject?.principal === 'telemetry');
    assert.ok(opened.length > 0);
    for (const { rule, data, outcome } of opened) {
      assert.match(rule ?? '', /telemetry:(plain|secure|http|otel)$/);
      assert.deepEqual([outcome, data?.class, data?.via], ['allow', 'telemetry', 'telemetry']);
    }
  });

  test('the file holds every event, one line each, for its account only', () => {
    const lines = readFileSync(eventsFile, 'utf8').trim().split('\n');
    const ids = new Set(
      lines.map((line) => (JSON.parse(line) as { metadata: { uid: string } }).metadata.uid),
    );
    assert.ok(plain.ids.slice(0, 10).every((id) => ids.has(id)));
    assert.equal(statSync(eventsFile).mode & 0o777, 0o600);
  });

  test('trace/the gateway itself connects to a collector: refused', async () => {
    const before = http.deliveries.length;
    const { json } = await gateway.cli(['egress', 'check', `https://localhost:${http.port}/in`, '--json']);
    assert.notEqual((json as { effect?: string } | undefined)?.effect, 'allow');
    assert.equal(http.deliveries.filter(({ body }) => body === '').length, 0);
    assert.ok(http.deliveries.length >= before);
  });
});
