import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  compileEgressRules,
  DEFAULT_EGRESS_LIMITS,
  type EgressRuleSpec,
} from '../../controls/egress/index.ts';
import {
  IDENTITY,
  MemoryLedger,
  rule,
  TableResolver,
  TestClock,
} from '../../controls/egress/testing/parts.ts';
import {
  codeOf,
  countingServer,
  echo,
  RawClient,
  rawRequest,
} from '../../controls/egress/testing/sockets.ts';
import type { GrantPolicy } from '../../controls/grants/index.ts';
import { createEgressClient, providerFetch } from '../../drivers/egress-client/index.ts';
import { authorityOf, GatehouseError, type Logger } from '../../kernel/index.ts';
import { type EgressInputs, readInputs, writeInputs } from './inputs.ts';
import { type EgressEnvironment, runEgress } from './run.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const GRANT_POLICY: GrantPolicy = {
  enabled: true,
  twoPersons: false,
  maxHours: 24,
  kinds: ['net.connect'],
  breakglass: { enabled: true, maxMinutes: 30 },
};
const VALUE = 'sk-very-secret-value';

function inputsOf(rules: readonly EgressRuleSpec[], more: Partial<EgressInputs> = {}): EgressInputs {
  const authority = authorityOf({ id: 'playbook:test', rules: compileEgressRules(rules) });
  return {
    hash: 'h1',
    agents: new Map([['main', { authority, rules, bounds: [] }]]),
    mail: [],
    providerRules: [],
    exports: [],
    telemetryRules: [],
    secrets: [],
    runSecrets: [],
    ownPorts: [],
    limits: DEFAULT_EGRESS_LIMITS,
    grantPolicy: GRANT_POLICY,
    ...more,
  };
}

function temporaryHome() {
  const home = mkdtempSync(join(tmpdir(), 'gh-'));
  const paths = { run: join(home, 'run'), keys: join(home, 'keys') };
  for (const folder of Object.values(paths)) mkdirSync(folder, { mode: 0o700 });
  return { ...paths, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

async function start(
  paths: { run: string; keys: string },
  inputs: EgressInputs,
  more: Partial<EgressEnvironment> = {},
) {
  const ledger = Object.assign(new MemoryLedger(), { close: () => Promise.resolve() });
  let current = inputs;
  const egress = await runEgress({
    paths,
    version: '1.2.3',
    variables: { KEY: VALUE },
    gatewayPid: process.pid,
    clock: new TestClock(),
    openLogger: () => SILENT,
    resolver: new TableResolver({}),
    load: () => Promise.resolve(current),
    openLedger: () => Promise.resolve(ledger),
    ...more,
  });
  const setInputs = (next: EgressInputs): void => {
    current = next;
  };
  return { ...egress, ledger, setInputs, [Symbol.asyncDispose]: () => egress.stop() };
}

function clientOf(paths: { run: string }) {
  const client = createEgressClient({
    controlSocket: join(paths.run, 'egress.sock'),
    providerSocket: join(paths.run, 'provider.sock'),
    failureFile: join(paths.run, 'egress.failure'),
    clock: new TestClock(),
    logger: SILENT,
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

function code(wanted: string): (error: unknown) => boolean {
  return (error) => error instanceof GatehouseError && error.code === wanted && error.fix.length > 0;
}

test('a run gets a private socket of its own, and it is gone when the run is closed', async () => {
  using home = temporaryHome();
  await using server = await countingServer(echo);
  await using _egress = await start(home, inputsOf([rule('127.0.0.1', server.port, { protocol: 'tcp' })]));
  using client = clientOf(home);
  await client.ready(5_000);
  const { socketPath } = await client.openRun(IDENTITY);
  assert.ok(socketPath.startsWith(join(home.run, 'runs')));
  assert.equal(statSync(socketPath).mode & 0o077, 0);
  const tunnel = new RawClient(socketPath);
  tunnel.send(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n\r\nping`);
  await tunnel.until((text) => text.endsWith('ping'));
  const status = await client.status();
  assert.deepEqual(
    [status.openRuns, status.connections, status.version, status.policyHash],
    [1, 1, '1.2.3', 'h1'],
  );
  assert.equal((await client.closeRun(IDENTITY.run)).reached, true);
  await tunnel.all();
  assert.equal(existsSync(socketPath), false);
  assert.equal((await client.status()).openRuns, 0);
});

test('the same identity may be opened twice, another one under the same run is refused', async () => {
  using home = temporaryHome();
  await using _egress = await start(home, inputsOf([]));
  using client = clientOf(home);
  await client.ready(5_000);
  const first = await client.openRun(IDENTITY);
  assert.deepEqual(await client.openRun(IDENTITY), first);
  await assert.rejects(client.openRun({ ...IDENTITY, agent: 'other' }), code('EGRESS_RUN_EXISTS'));
  await assert.rejects(client.openRun({ ...IDENTITY, run: '' }), code('EGRESS_RUN_INVALID'));
  assert.equal((await client.closeRun(IDENTITY.run)).reached, false);
  assert.equal((await client.status()).openRuns, 1);
});

test('a check says what a run would be told, without a connection', async () => {
  using home = temporaryHome();
  await using server = await countingServer();
  const rules = [rule('127.0.0.1', server.port), rule('ask.example.org', 443, { effect: 'ask' })];
  await using _egress = await start(home, inputsOf(rules));
  using client = clientOf(home);
  await client.ready(5_000);
  const effects = async (url: string, agent = 'main') => {
    const { effect, code } = await client.check(url, agent);
    return `${effect} ${code}`;
  };
  assert.equal(await effects(`http://127.0.0.1:${server.port}/x`), 'allow DECISION_ALLOWED');
  assert.equal(await effects('https://ask.example.org/'), 'ask EGRESS_HOST_ASK');
  assert.equal(await effects('https://evil.example.org/'), 'deny EGRESS_HOST_NOT_ALLOWED');
  assert.equal(await effects('https://0x7f.1/'), 'deny EGRESS_HOST_AMBIGUOUS');
  assert.equal(await effects('nonsense'), 'deny EGRESS_URL_INVALID');
  assert.equal(await effects('https://evil.example.org/', 'nobody'), 'deny EGRESS_AGENT_UNKNOWN');
  assert.equal(server.connections, 0);
});

test('checkpoints are signed by a key that stays in its file, the same after a restart', async () => {
  using home = temporaryHome();
  const keyIds: string[] = [];
  for (let life = 0; life < 2; life += 1) {
    await using _egress = await start(home, inputsOf([]));
    using client = clientOf(home);
    await client.ready(5_000);
    const { keyId, signature } = await client.sign(Buffer.from('heads'));
    const publicKey = createPublicKey(readFileSync(join(home.keys, 'ledger.pub')));
    assert.ok(verify(null, Buffer.from('heads'), publicKey, Buffer.from(signature, 'base64')));
    keyIds.push(keyId);
  }
  assert.equal(keyIds[0], keyIds[1]);
  assert.equal(statSync(join(home.keys, 'ledger.key')).mode & 0o077, 0);
});

test('a reload takes effect for open tunnels too, and a bad one changes nothing', async () => {
  using home = temporaryHome();
  await using server = await countingServer(echo);
  const rules = [rule('127.0.0.1', server.port, { protocol: 'tcp' })];
  await using egress = await start(home, inputsOf(rules));
  using client = clientOf(home);
  await client.ready(5_000);
  const { socketPath } = await client.openRun(IDENTITY);
  const tunnel = new RawClient(socketPath);
  tunnel.send(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n\r\nping`);
  await tunnel.until((text) => text.endsWith('ping'));
  const missing = { name: 'a.b', source: 'env', id: 'NONE', host: 'x.org', port: 443 } as const;
  egress.setInputs(inputsOf([], { secrets: [missing] }));
  await assert.rejects(client.reload(), code('SECRETS_UNRESOLVED'));
  assert.equal(tunnel.socket.closed, false);
  egress.setInputs(inputsOf([], { hash: 'h2' }));
  await client.reload();
  await tunnel.all();
  assert.equal((await client.status()).policyHash, 'h2');
  const closed = await egress.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_RULE_ENDED');
});

test("egress/the gateway's own ports, as it announced them: refused", async () => {
  using home = temporaryHome();
  await using server = await countingServer(echo);
  await using _egress = await start(home, inputsOf([rule('127.0.0.1', server.port)]));
  using client = clientOf(home);
  await client.announce([server.port]);
  await client.ready(5_000);
  const { socketPath } = await client.openRun(IDENTITY);
  const answer = await rawRequest(socketPath, `CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n\r\n`);
  assert.equal(codeOf(answer), 'EGRESS_LOOP');
  assert.equal(server.connections, 0);
});

test('secrets/a reference that cannot be resolved at start: refused before any socket exists', async () => {
  using home = temporaryHome();
  const missing = {
    name: 'models.providers.x.apiKey',
    source: 'env',
    id: 'NONE',
    host: 'x.org',
    port: 443,
  } as const;
  await assert.rejects(start(home, inputsOf([], { secrets: [missing] })), code('SECRETS_UNRESOLVED'));
  assert.equal(existsSync(join(home.run, 'egress.sock')), false);
});

test('sockets that a killed egress left behind are cleared', async () => {
  using home = temporaryHome();
  mkdirSync(join(home.run, 'runs'));
  for (const name of ['egress.sock', 'provider.sock', 'runs/dead.sock'])
    writeFileSync(join(home.run, name), '');
  await using _egress = await start(home, inputsOf([]));
  assert.equal(existsSync(join(home.run, 'runs/dead.sock')), false);
  using client = clientOf(home);
  await client.ready(5_000);
});

test('while egress is down calls fail at once, and they work again after it came back', async () => {
  using home = temporaryHome();
  using client = clientOf(home);
  await assert.rejects(client.status(), code('EGRESS_UNAVAILABLE'));
  await assert.rejects(client.openRun(IDENTITY), code('EGRESS_UNAVAILABLE'));
  writeFileSync(
    join(home.run, 'egress.failure'),
    JSON.stringify({ code: 'SECRETS_UNRESOLVED', message: 'm', fix: 'f', status: 503 }),
  );
  await assert.rejects(client.ready(30), code('SECRETS_UNRESOLVED'));
  // As the process itself does once it has started.
  rmSync(join(home.run, 'egress.failure'));
  const first = await start(home, inputsOf([]));
  await client.ready(5_000);
  await client.openRun(IDENTITY);
  const down = new Promise<void>((resolve) => client.onState((state) => state === 'down' && resolve()));
  await first.stop();
  await down;
  await assert.rejects(client.status(), code('EGRESS_UNAVAILABLE'));
  assert.equal((await client.closeRun(IDENTITY.run)).reached, true);
  await using _second = await start(home, inputsOf([]));
  await client.ready(5_000);
  assert.equal((await client.status()).openRuns, 0);
});

test('egress ends by itself when the gateway is gone', async () => {
  using home = temporaryHome();
  const gone = 2 ** 22 - 3;
  const egress = await start(home, inputsOf([]), { gatewayPid: gone });
  await egress.ended;
  assert.equal(existsSync(join(home.run, 'egress.sock')), false);
  assert.ok(egress.ledger.events.some((event) => event.action === 'egress.stopped'));
});

test('a line that is too long or no JSON ends the control connection', async () => {
  using home = temporaryHome();
  await using _egress = await start(home, inputsOf([]));
  for (const bytes of ['x\n', '{"id":1,"method":"constructor"}\n', 'x'.repeat(1_100_000)]) {
    const socket = connect(join(home.run, 'egress.sock'));
    socket.on('error', () => undefined);
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
  }
});

test('inputs come out of the pipe as they went in, under the same hash', () => {
  const rules = [
    rule('*.example.org', 443),
    rule('api.example.org', 443, { effect: 'deny' }),
    rule('10.0.0.1', 22),
  ];
  const inputs = inputsOf(rules);
  const again = readInputs(writeInputs(inputs));
  assert.equal(again.agents.get('main')?.authority.hash, inputs.agents.get('main')?.authority.hash);
  assert.equal(writeInputs(again), writeInputs(inputs));
});

async function providerPair(
  home: { run: string; keys: string },
  onRequest: Parameters<typeof createServer>[1],
) {
  const server = createServer(onRequest);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const place = { host: '127.0.0.1', port };
  const providerRules = [rule('127.0.0.1', port, { id: 'provider:x', protocol: 'http' })];
  const header = 'authorization: Bearer {}';
  const secrets = [{ name: 'x.apiKey', source: 'env', id: 'KEY', header, ...place } as const];
  const egress = await start(home, inputsOf([], { providerRules, secrets }));
  return {
    url: `http://127.0.0.1:${port}/v1/chat`,
    egress,
    fetch: providerFetch(join(home.run, 'provider.sock')),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await egress.stop();
    },
  };
}

test('a model client fetches through egress: body, headers, status and stream', async () => {
  using home = temporaryHome();
  await using pair = await providerPair(home, (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      response.writeHead(201, { 'x-a': '1', 'set-cookie': ['a=1', 'b=2'] });
      response.write(`${request.headers.authorization === `Bearer ${VALUE}`} `);
      response.end(body);
    });
  });
  const headers = { authorization: 'Bearer {{secret:x.apiKey}}', 'x-gatehouse-run': 'r1' };
  const answer = await pair.fetch(pair.url, { method: 'POST', headers, body: '{"a":"ü"}' });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get('x-a'), '1');
  assert.equal(await answer.text(), 'true {"a":"ü"}');
  const big = await pair.fetch(pair.url, { method: 'POST', body: new Blob(['x'.repeat(300_000)]) });
  assert.equal((await big.text()).length, 300_006);
});

test('a refusal by egress, an abort, and egress being down are errors with a code', async () => {
  using home = temporaryHome();
  await using pair = await providerPair(home, (_request, response) => response.write('first'));
  await assert.rejects(pair.fetch('http://evil.example.org/'), code('EGRESS_HOST_NOT_ALLOWED'));
  const controller = new AbortController();
  const answer = await pair.fetch(pair.url, { signal: controller.signal });
  controller.abort();
  await assert.rejects(answer.text());
  await assert.rejects(pair.fetch(pair.url, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  await pair.egress.stop();
  await assert.rejects(pair.fetch(pair.url), code('EGRESS_UNAVAILABLE'));
});

test('closing a run tells which destinations a person could open, each once and the first ten', async () => {
  using home = temporaryHome();
  await using _egress = await start(home, inputsOf([]));
  using client = clientOf(home);
  await client.ready(5_000);
  const { socketPath } = await client.openRun(IDENTITY);
  for (let n = 0; n < 12; n += 1) {
    for (const host of [`h${n}.example.org`, 'h0.example.org']) {
      await rawRequest(socketPath, `CONNECT ${host}:443 HTTP/1.1\r\n\r\n`);
    }
  }
  await rawRequest(socketPath, 'CONNECT 127.1:443 HTTP/1.1\r\n\r\n');
  const { refused } = await client.closeRun(IDENTITY.run);
  const wanted = Array.from({ length: 10 }, (_, n) => ({
    host: `h${n}.example.org`,
    port: 443,
    code: 'EGRESS_HOST_NOT_ALLOWED',
  }));
  assert.deepEqual(refused, wanted);
});
