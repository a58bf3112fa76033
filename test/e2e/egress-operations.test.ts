import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRun, type RunWay } from '../fixtures/egress-home.ts';
import { type EgressWorld, PUBLIC, startEgressWorld } from '../fixtures/egress-world.ts';
import { runCli } from '../fixtures/gateway.ts';
import { operate, until } from '../fixtures/operator.ts';

let world: EgressWorld;
let run: RunWay;

const POLICY = `version: 1
rules:
  - { id: used, host: api.vendor.org, port: 8080, class: artifact, owner: o, ticket: T-1, reason: packages }
  - { id: unused, host: never.vendor.org, class: telemetry, owner: o, ticket: T-2 }
  - { id: closed, host: denied.vendor.org, effect: deny, reason: leaks }
`;

async function ask<T>(operation: string, input: object = {}): Promise<T> {
  const { ok, result, error } = await operate(world.home, operation, input);
  assert.ok(ok, error?.message);
  return result as unknown as T;
}

before(async () => {
  world = await startEgressWorld({
    prepare(home) {
      mkdirSync(join(home, 'policy'), { mode: 0o700 });
      writeFileSync(join(home, 'policy', 'egress.yaml'), POLICY, { mode: 0o600 });
    },
  });
  await world.names({ 'A api.vendor.org': [{ records: [{ type: 'A', value: PUBLIC }] }] });
  run = await openRun(world.home, { run: 'run-ops' });
  const tunnel = await run.tunnel('api.vendor.org:8080');
  tunnel.socket.write(`GET / HTTP/1.1\r\nHost: api.vendor.org:8080\r\nConnection: close\r\n\r\n`);
  await until(() => tunnel.text().includes('chirp'), 'nothing came back');
  tunnel.close();
  await run.connect('evil.example.net:443');
  await run.connect('denied.vendor.org:443');
  await until(
    async () => (await ask<{ lines: unknown[] }>('egress.log', { outcome: 'success' })).lines.length > 0,
    'the tunnel was not recorded as closed',
  );
});

after(async () => {
  await run?.close();
  await world?.[Symbol.asyncDispose]();
});

describe('egress for an operator', () => {
  test('egress log shows decisions and ends, filtered by host, run, outcome and class', async () => {
    type Lines = { lines: { host: string; outcome: string; run: string; what: string; received: number }[] };
    const all = await ask<Lines>('egress.log', { run: 'run-ops' });
    assert.deepEqual(
      all.lines.map(({ what, host, outcome }) => `${what} ${host} ${outcome}`),
      [
        'asked api.vendor.org allow',
        'closed api.vendor.org success',
        'asked evil.example.net deny',
        'asked denied.vendor.org deny',
      ],
    );
    assert.ok((all.lines[1]?.received ?? 0) > 5);
    const one = await ask<Lines>('egress.log', { host: 'evil.example.net', outcome: 'deny' });
    assert.deepEqual(
      one.lines.map(({ host }) => host),
      ['evil.example.net'],
    );
    assert.deepEqual(
      (await ask<Lines>('egress.log', { host: 'evil.example.net', outcome: 'allow' })).lines,
      [],
    );
    assert.equal((await ask<Lines>('egress.log', { class: 'artifact' })).lines.length, 2);
    assert.equal((await ask<Lines>('egress.log', { class: 'model' })).lines.length, 0);
  });

  test('egress top orders destinations by volume and by refusals', async () => {
    type Top = { destinations: { host: string; class: string; refused: number }[] };
    const top = await ask<Top>('egress.top');
    assert.deepEqual([top.destinations[0]?.host, top.destinations[0]?.class], ['api.vendor.org', 'artifact']);
    const refused = await ask<Top>('egress.top', { by: 'refused', limit: 2 });
    assert.deepEqual(
      refused.destinations.map(({ refused: count }) => count),
      [1, 1],
    );
  });

  test('egress diff names the rule that nobody used and the host that was asked for', async () => {
    type Diff = { unused: { id: string }[]; refused: { host: string; code: string }[] };
    const { unused, refused } = await ask<Diff>('egress.diff');
    assert.deepEqual(
      unused.map(({ id }) => id),
      ['policy:unused'],
    );
    assert.deepEqual(refused.map(({ host, code }) => `${host} ${code}`).sort(), [
      'denied.vendor.org EGRESS_HOST_DENIED',
      'evil.example.net EGRESS_HOST_NOT_ALLOWED',
    ]);
  });

  test('egress replay says what a candidate would newly refuse and allow, and changes nothing', async () => {
    const candidate = `version: 1\nrules:\n  - { host: evil.example.net, class: other }\n`;
    type Replay = { ok: boolean; refused: { host: string; after: string }[]; allowed: { host: string }[] };
    const played = await ask<Replay>('egress.replay', { text: candidate });
    assert.deepEqual(
      played.refused.map(({ host, after: answer }) => `${host} ${answer}`),
      ['api.vendor.org deny'],
    );
    assert.deepEqual(
      played.allowed.map(({ host }) => host),
      ['evil.example.net'],
    );
    const broken = await ask<Replay & { issues: { line: number }[] }>('egress.replay', {
      text: 'version: 1\nrules: 1\n',
    });
    assert.deepEqual([broken.ok, broken.issues[0]?.line], [false, 2]);
    assert.match(await run.connect('evil.example.net:443'), /EGRESS_HOST_NOT_ALLOWED/);
  });

  test('egress explain shows the layers, the rule, its owner, and the narrowest way to open', async () => {
    type Explained = {
      effect: string;
      code: string;
      rule: { owner: string } | null;
      open: string[];
      tls: string;
    };
    const open = await ask<Explained>('egress.explain', { url: 'http://api.vendor.org:8080/x' });
    assert.deepEqual([open.effect, open.rule?.owner, open.open], ['allow', 'o', []]);
    const closed = await ask<Explained>('egress.explain', { url: 'https://evil.example.net/' });
    assert.deepEqual([closed.effect, closed.code], ['deny', 'EGRESS_HOST_NOT_ALLOWED']);
    assert.match(closed.open[0] ?? '', /^gatehouse egress allow evil\.example\.net:443 --agent main/);
    const denied = await ask<Explained>('egress.explain', { url: 'https://denied.vendor.org/' });
    assert.match(denied.open[0] ?? '', /no grant changes that/);
    const metadata = await ask<Explained>('egress.explain', { url: 'http://169.254.169.254/' });
    assert.ok(metadata.open.every((way) => !way.startsWith('gatehouse egress allow')));
  });

  test('egress check says what is wrong with a user name in the address, and that metadata is never granted', async () => {
    type Verdict = { code: string; fix: string };
    const user = await ask<Verdict>('egress.check', { url: 'https://api.vendor.org@evil.example.net/' });
    assert.equal(user.code, 'EGRESS_HOST_INVALID');
    assert.match(user.fix, /user name/);
    const metadata = await ask<Verdict>('egress.check', { url: 'http://169.254.169.254/latest/' });
    assert.match(metadata.fix, /metadata/);
  });

  test('the command line shows all of it in words', async () => {
    const shown = async (...args: readonly string[]) => (await runCli(world.home, args)).stdout;
    assert.match(
      await shown('egress', 'log', '--outcome', 'deny'),
      /deny {5}asked {2}evil\.example\.net:443/,
    );
    assert.match(await shown('egress', 'top'), /api\.vendor\.org:8080 +artifact/);
    assert.match(await shown('egress', 'diff'), /never\.vendor\.org:443 +policy\/egress\.yaml/);
    assert.match(await shown('egress', 'explain', 'https://evil.example.net/'), /To open it:/);
    const path = join(world.home, 'candidate.yaml');
    writeFileSync(path, 'version: 1\nrules: []\n');
    assert.match(await shown('egress', 'replay', '--policy', path), /Newly refused: 1/);
    const allowed = await shown(
      'egress',
      'allow',
      'api.vendor.org',
      '--for',
      '1m',
      '--ticket',
      'T',
      '--reason',
      'r',
    );
    assert.match(allowed, /Open now\./);
    assert.match(await shown('grant', 'list'), /net\.connect api\.vendor\.org:443 for main +ends in/);
  });
});
