import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { openRun, type RunWay } from '../fixtures/egress-home.ts';
import { type EgressWorld, PRIVATE, PUBLIC, startEgressWorld } from '../fixtures/egress-world.ts';
import { operate, records, until } from '../fixtures/operator.ts';

let world: EgressWorld;
let run: RunWay;

interface Made {
  readonly grant: { readonly id: string; readonly status: string };
  readonly opens: { readonly effect: string };
}

const WHY = { ticket: 'OPS-1', reason: 'tests' };

async function allow(destination: string, forMs: number, more: object = {}): Promise<Made> {
  const { ok, result, error } = await operate(world.home, 'egress.allow', {
    destination,
    forMs,
    ...WHY,
    ...more,
  });
  assert.ok(ok, error?.message);
  return result as unknown as Made;
}

before(async () => {
  world = await startEgressWorld();
  const a = (value: string) => [{ records: [{ type: 'A', value }] }];
  await world.names({
    'A api.vendor.org': a(PUBLIC),
    'A other.vendor.org': a(PUBLIC),
    'A inside.vendor.org': a(PRIVATE),
  });
  run = await openRun(world.home);
});

after(async () => {
  await run?.close();
  await world?.[Symbol.asyncDispose]();
});

describe('grants by command', () => {
  test('egress allow opens one host and port for one agent at once, and revoking closes its tunnel', async () => {
    assert.match(await run.connect('api.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    const { grant, opens } = await allow('api.vendor.org:8080', 3_600_000);
    assert.equal(opens.effect, 'allow');
    const tunnel = await run.tunnel('api.vendor.org:8080');
    tunnel.socket.write('GET / HTTP/1.1\r\nHost: api.vendor.org:8080\r\n\r\n');
    await until(() => tunnel.text().includes('chirp'), 'nothing came through the tunnel');
    assert.match(await run.connect('api.vendor.org:80'), /EGRESS_HOST_NOT_ALLOWED/);
    assert.match(await run.connect('other.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    const [connected] = (await records(world.home, { action: 'net.connect' })).filter(
      ({ outcome }) => outcome === 'allow',
    );
    assert.match(connected?.rule ?? '', new RegExp(`grant:${grant.id}$`));
    assert.equal(connected?.data?.['grant'], grant.id);
    assert.ok((await operate(world.home, 'grant.revoke', { id: grant.id })).ok);
    await tunnel.ended;
    assert.match(await run.connect('api.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    const { result } = await operate(world.home, 'grant.show', { id: grant.id });
    const history = (result as { history: { writer: string; action: string }[] }).history;
    assert.deepEqual(
      history.map(({ writer, action }) => `${writer} ${action}`),
      ['gateway grant.added', 'egress grant.applied', 'gateway grant.revoked'],
    );
  });

  test('a grant ends by itself, closes its tunnel, and somebody hears of it', async () => {
    const { grant } = await allow('other.vendor.org:8080', 2_500);
    const tunnel = await run.tunnel('other.vendor.org:8080');
    await tunnel.ended;
    assert.match(await run.connect('other.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    await until(
      async () => (await records(world.home, { type: 'alert', action: 'grant.ended' })).length > 0,
      'there is no alert',
    );
    const { result } = await operate(world.home, 'grant.list', { ended: true });
    const ended = (result as { grants: { id: string; endedBy: string }[] }).grants.find(
      ({ id }) => id === grant.id,
    );
    assert.equal(ended?.endedBy, 'expiry');
  });

  test('a grant for one session opens nothing in another', async () => {
    const { grant } = await allow('api.vendor.org:8080', 60_000, { session: 's-other' });
    assert.match(await run.connect('api.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    const other = await openRun(world.home, { session: 's-other', run: 'run-other' });
    assert.match(await other.connect('api.vendor.org:8080'), / 200 /);
    await other.close();
    await operate(world.home, 'grant.revoke', { id: grant.id });
  });

  test('egress/a granted name that leads into a private network: refused', async () => {
    const { grant } = await allow('inside.vendor.org:80', 60_000);
    assert.match(await run.connect('inside.vendor.org:80'), /EGRESS_ADDRESS_NOT_PUBLIC/);
    const refused = await records(world.home, { code: 'EGRESS_ADDRESS_NOT_PUBLIC' });
    assert.equal(refused.at(-1)?.outcome, 'deny');
    assert.deepEqual((await world.state()).seen[`${PRIVATE}:80`], []);
    await operate(world.home, 'grant.revoke', { id: grant.id });
  });

  test('grants/local names, private and metadata addresses, wildcards: refused', async () => {
    for (const destination of [
      'localhost:80',
      '127.0.0.1:80',
      '169.254.169.254',
      '*.vendor.org',
      '[::1]:80',
      'db:5432',
    ]) {
      const { ok, error } = await operate(world.home, 'egress.allow', { destination, forMs: 60_000, ...WHY });
      assert.equal(ok, false, destination);
      assert.match(error.code, /^GRANT_(VALUE_INVALID|TOO_WIDE)$/, destination);
      assert.notEqual(error.fix, '');
    }
  });

  test('grants/a row that somebody wrote into the database, or changed there: refused by egress', async () => {
    const { grant } = await allow('other.vendor.org:8080', 3_600_000);
    const state = new DatabaseSync(join(world.home, 'state', 'state.db'), { timeout: 5_000 });
    const [copied] = state.prepare('SELECT * FROM grants WHERE id = ?').all(grant.id);
    const forged = {
      ...copied,
      id: 'g-forged',
      match: JSON.stringify({ host: ['api.vendor.org'], port: ['8080'] }),
    };
    const columns = Object.keys(forged);
    state
      .prepare(
        `INSERT INTO grants (${columns.map((name) => `"${name}"`).join()}) VALUES (${columns.map(() => '?').join()})`,
      )
      .run(...(Object.values(forged) as string[]));
    state
      .prepare('UPDATE grants SET match = ? WHERE id = ?')
      .run(JSON.stringify({ host: ['api.vendor.org'], port: ['8080'] }), grant.id);
    state.close();
    await operate(world.home, 'grant.list');
    // Any further grant makes egress look again.
    const { grant: next } = await allow('third.vendor.org:8080', 60_000);
    assert.match(await run.connect('api.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
    const alerts = await records(world.home, { type: 'alert', action: 'grant.not-honoured' });
    const titles = alerts
      .filter(({ writer }) => writer === 'egress')
      .map(({ data }) => String(data?.['title']));
    assert.ok(
      titles.some((title) => title.includes('g-forged')),
      titles.join(),
    );
    assert.ok(
      titles.some((title) => title.includes(grant.id)),
      titles.join(),
    );
    for (const id of ['g-forged', grant.id, next.id]) await operate(world.home, 'grant.revoke', { id });
  });

  test('a grant lasts over a restart, and its end does too', async () => {
    const { grant } = await allow('api.vendor.org:8080', 3_600_000);
    await run.close();
    await world.gateway.kill('SIGKILL');
    await world.restart();
    run = await openRun(world.home, { run: 'after-restart' });
    await until(
      async () => / 200 /.test(await run.connect('api.vendor.org:8080')),
      'the grant does not count after the restart',
    );
    await operate(world.home, 'grant.revoke', { id: grant.id });
    await run.close();
    await world.gateway.kill('SIGTERM');
    await world.restart();
    run = await openRun(world.home, { run: 'after-second-restart' });
    assert.match(await run.connect('api.vendor.org:8080'), /EGRESS_HOST_NOT_ALLOWED/);
  });

  test('an emergency opening is an alert, a finding and a line of the posture until it is over', async () => {
    const input = { kind: 'net.connect', match: ['host=api.vendor.org', 'port=8080'], forMs: 60_000, ...WHY };
    const { ok, result } = await operate(world.home, 'grant.breakglass', input);
    assert.ok(ok);
    assert.match(await run.connect('api.vendor.org:8080'), / 200 /);
    await until(
      async () => (await records(world.home, { type: 'alert', action: 'grant.unusual' })).length > 0,
      'its first use told nobody',
    );
    const status = (await operate(world.home, 'gateway.status')).result as {
      posture: { area: string; measured: string; holds: boolean }[];
    };
    const line = status.posture.find(({ area }) => area === 'grants');
    assert.deepEqual([line?.holds, line?.measured.includes('EMERGENCY')], [false, true]);
    const { findings } = (await operate(world.home, 'doctor.run')).result as { findings: { id: string }[] };
    assert.ok(findings.some(({ id }) => id === 'GRANT_BREAKGLASS_OPEN'));
    const critical = await records(world.home, { type: 'alert', action: 'grant.breakglass' });
    assert.equal(critical.length, 1);
    await operate(world.home, 'grant.revoke', { id: (result as unknown as Made).grant.id });
  });
});
