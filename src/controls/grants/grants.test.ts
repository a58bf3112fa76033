import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import { type Alert, GatehouseError, type LedgerEvent } from '../../kernel/index.ts';
import { checkGrants } from './checks.ts';
import { GRANTABLE_KINDS, grantDigest, grantProblem, type JudgeValue } from './rules.ts';
import { createGrantService, MAX_OPEN_GRANTS } from './service.ts';
import { type GrantTables, migrations } from './tables.ts';
import type { GrantPolicy, GrantRequest } from './types.ts';

const HOUR = 3_600_000;
const POLICY: GrantPolicy = {
  enabled: true,
  twoPersons: false,
  maxHours: 168,
  kinds: GRANTABLE_KINDS,
  breakglass: { enabled: true, maxMinutes: 30 },
};
const REQUEST: GrantRequest = {
  kind: 'net.connect',
  match: { host: ['api.example.org'], port: ['443'] },
  layers: ['ceiling', 'playbook:default'],
  subject: { agent: 'main' },
  owner: 'ops',
  ticket: 'OPS-1',
  reason: 'import',
  durationMs: 2 * HOUR,
};
const judge: JudgeValue = (_kind, _attribute, value) =>
  value === 'bad' ? { problem: 'it is bad' } : { value: value.toLowerCase() };

async function world(policy: Partial<GrantPolicy> = {}, folder = mkdtempSync(join(tmpdir(), 'gh-grants-'))) {
  const file = openDatabase<GrantTables>(join(folder, 'state.db'));
  await file.migrate(migrations);
  const events: LedgerEvent[] = [];
  const alerts: Alert[] = [];
  const time = { wall: Date.UTC(2026, 5, 1), mono: 0 };
  let timer: { ms: number; run: () => void } | undefined;
  let failing = false;
  const parts = {
    db: file.db,
    clock: { now: () => time.wall, monotonic: () => time.mono },
    random: {
      bytes: (size: number) => randomBytes(size),
      uuid: () => 'u',
    },
    ledger: {
      append: async (event: LedgerEvent) => {
        if (failing) throw new Error('disk full');
        events.push(event);
        return { writer: 'test', seq: events.length, hash: '' };
      },
    },
    alerts: { raise: (alert: Alert) => void alerts.push(alert) },
    policy: () => ({ ...POLICY, ...policy }),
    judge: async () => judge,
    setTimer: (ms: number, run: () => void) => {
      timer = { ms, run };
      return () => {
        timer = undefined;
      };
    },
  };
  let grants = createGrantService(parts);
  return {
    folder,
    events,
    alerts,
    time,
    file,
    get grants() {
      return grants;
    },
    actions: () => events.map(({ action }) => action),
    fail: (value: boolean) => {
      failing = value;
    },
    /** Let so much time pass on both clocks and run what was waiting for it. */
    async pass(ms: number, wall = ms) {
      time.mono += ms;
      time.wall += wall;
      timer?.run();
      await grants.start();
    },
    get waits() {
      return timer?.ms;
    },
    /** As after the end of the process: nothing is left but the database. */
    async restart() {
      grants.close();
      time.mono = 0;
      grants = createGrantService(parts);
      await grants.start();
    },
    [Symbol.dispose]() {
      grants.close();
      file.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (thrown) {
    return thrown instanceof GatehouseError ? thrown.code : String(thrown);
  }
}

test('a grant is in the ledger first, in force at once, and one for each layer that it widens', async () => {
  using home = await world();
  const seen: number[] = [];
  home.grants.onChange((grants) => seen.push(grants.length));
  const made = await home.grants.add(REQUEST, 'alice');
  assert.deepEqual(
    [made.status, made.requestedBy, made.expiresAt - made.createdAt],
    ['active', 'alice', 2 * HOUR],
  );
  assert.deepEqual(seen, [2]);
  const [event] = home.events;
  assert.deepEqual([event?.type, event?.action, event?.trace], ['change', 'grant.added', `grant:${made.id}`]);
  assert.equal(event?.data?.['digest'], grantDigest(made));
  assert.deepEqual(
    home.grants.current().map(({ id, layer, expires, subject }) => [id, layer, expires, subject]),
    ['ceiling', 'playbook:default'].map((layer) => [made.id, layer, made.expiresAt, { agent: 'main' }]),
  );
});

test('grants/a grant whose record cannot be written: refused', async () => {
  using home = await world();
  home.fail(true);
  assert.equal(await codeOf(home.grants.add(REQUEST, 'alice')), 'GRANT_NOT_RECORDED');
  assert.deepEqual(home.grants.current(), []);
  assert.deepEqual(await home.grants.list(true), []);
});

test('grants/what is wider than its kind allows, or incomplete: refused', async () => {
  using home = await world();
  const tries: readonly [Partial<GrantRequest>, string][] = [
    [{ match: { host: ['*'], port: ['443'] } }, 'GRANT_TOO_WIDE'],
    [{ match: { host: ['*.example.org'], port: ['443'] } }, 'GRANT_TOO_WIDE'],
    [{ match: { host: ['api.example.org'] } }, 'GRANT_TOO_WIDE'],
    [{ match: { host: [], port: ['443'] } }, 'GRANT_TOO_WIDE'],
    [{ match: { host: ['bad'], port: ['443'] } }, 'GRANT_VALUE_INVALID'],
    [{ match: { host: ['a\n'], port: ['443'] } }, 'GRANT_VALUE_INVALID'],
    [{ match: { host: ['a'], port: ['443'], path: ['/'] } }, 'GRANT_VALUE_INVALID'],
    [{ subject: {} }, 'GRANT_TOO_WIDE'],
    [{ layers: [] }, 'GRANT_TOO_WIDE'],
    [{ owner: ' ' }, 'GRANT_VALUE_INVALID'],
    [{ ticket: '' }, 'GRANT_VALUE_INVALID'],
    [{ reason: '' }, 'GRANT_VALUE_INVALID'],
    [{ durationMs: 0 }, 'GRANT_TOO_LONG'],
    [{ durationMs: Number.NaN }, 'GRANT_TOO_LONG'],
    [{ kind: 'operation.call', match: { operation: ['x'] } }, 'GRANT_KIND_REFUSED'],
    [{ kind: 'config.change', match: { path: ['x'] } }, 'GRANT_KIND_REFUSED'],
    [{ kind: 'secret.use', match: { secret: ['x'], host: ['y'] } }, 'GRANT_KIND_REFUSED'],
    [{ kind: 'exec', match: { program: ['sh'] } }, 'GRANT_TOO_WIDE'],
  ];
  for (const [more, code] of tries) {
    assert.equal(await codeOf(home.grants.add({ ...REQUEST, ...more }, 'alice')), code, JSON.stringify(more));
  }
  assert.deepEqual(home.events, []);
});

test('the longest time is possible, and a millisecond more is refused', async () => {
  using home = await world({ maxHours: 3 });
  assert.equal(await codeOf(home.grants.add({ ...REQUEST, durationMs: 3 * HOUR }, 'a')), 'accepted');
  assert.equal(
    await codeOf(home.grants.add({ ...REQUEST, durationMs: 3 * HOUR + 1 }, 'a')),
    'GRANT_TOO_LONG',
  );
});

test('grants/what grantPolicy leaves out: refused, and what it leaves out later ends', async () => {
  const policy = {
    hosts: ['*.example.org'] as readonly string[],
    kinds: ['net.connect'] as GrantPolicy['kinds'],
  };
  using home = await world(policy);
  assert.equal(await codeOf(home.grants.add(REQUEST, 'a')), 'accepted');
  const other = { ...REQUEST, match: { host: ['api.example.com'], port: ['443'] } };
  assert.equal(await codeOf(home.grants.add(other, 'a')), 'GRANT_NOT_PERMITTED');
  const tool: GrantRequest = { ...REQUEST, kind: 'tool.call', match: { tool: ['shell'] } };
  assert.equal(await codeOf(home.grants.add(tool, 'a')), 'GRANT_NOT_PERMITTED');
  policy.hosts = [];
  await home.grants.start();
  assert.deepEqual(home.grants.current(), []);
  assert.equal(home.alerts[0]?.code, 'GRANT_NOT_HONOURED');
});

test('with two persons a grant waits, the requester cannot approve it, and its time starts with the approval', async () => {
  using home = await world({ twoPersons: true });
  const asked = await home.grants.add(REQUEST, 'alice');
  assert.deepEqual([asked.status, home.grants.current().length], ['waiting', 0]);
  assert.equal(await codeOf(home.grants.approve(asked.id, 'alice')), 'GRANT_SAME_PERSON');
  await home.pass(HOUR);
  const made = await home.grants.approve(asked.id, 'bob');
  assert.deepEqual(
    [made.status, made.approvedBy, made.expiresAt],
    ['active', 'bob', home.time.wall + 2 * HOUR],
  );
  assert.equal(home.grants.current().length, 2);
  assert.equal(await codeOf(home.grants.approve(asked.id, 'bob')), 'GRANT_UNKNOWN');
  assert.deepEqual(home.actions(), ['grant.requested', 'grant.approved']);
  await home.pass(2 * HOUR - 1);
  assert.equal(home.grants.current().length, 2);
  await home.pass(1);
  assert.equal(home.grants.current().length, 0);
});

test('a request that nobody answers lapses', async () => {
  using home = await world({ twoPersons: true });
  const asked = await home.grants.add(REQUEST, 'alice');
  await home.pass(24 * HOUR);
  assert.equal(await codeOf(home.grants.approve(asked.id, 'bob')), 'GRANT_UNKNOWN');
  assert.deepEqual(home.actions(), ['grant.requested', 'grant.lapsed']);
});

test('a grant ends by itself to the millisecond, on the record and with an alert, and for good', async () => {
  using home = await world();
  const made = await home.grants.add({ ...REQUEST, durationMs: 10_000 }, 'alice');
  assert.equal(home.waits, 10_000);
  await home.pass(9_999);
  assert.equal(home.grants.current().length, 2);
  await home.pass(1);
  assert.deepEqual(home.grants.current(), []);
  assert.deepEqual(home.actions(), ['grant.added', 'grant.ended']);
  assert.deepEqual(
    home.alerts.map(({ rule, code, severity }) => [rule, code, severity]),
    [['grant.ended', 'GRANT_ENDED', 'warning']],
  );
  const stored = await home.grants.show(made.id);
  assert.deepEqual([stored.status, stored.endedBy], ['ended', 'expiry']);
  await home.restart();
  assert.deepEqual(home.grants.current(), []);
  assert.equal(home.alerts.length, 1);
});

test('grants/more time by setting the clock back while it runs: refused', async () => {
  using home = await world();
  await home.grants.add(REQUEST, 'alice');
  await home.pass(HOUR, -24 * HOUR);
  assert.equal(home.grants.current().length, 2);
  await home.pass(HOUR, 0);
  assert.deepEqual(home.grants.current(), []);
  home.time.wall -= 100 * HOUR;
  await home.restart();
  assert.deepEqual(home.grants.current(), []);
});

test('grants/more time by setting the clock back across a restart: refused', async () => {
  using home = await world();
  await home.grants.add(REQUEST, 'alice');
  await home.pass(90 * 60_000);
  home.time.wall -= 48 * HOUR;
  await home.restart();
  assert.equal(home.grants.current().length, 2);
  await home.pass(29 * 60_000);
  assert.equal(home.grants.current().length, 2);
  await home.pass(60_000);
  assert.deepEqual(home.grants.current(), []);
});

test('a clock that jumps forward ends a grant early, and setting it right does not bring it back', async () => {
  using home = await world();
  await home.grants.add(REQUEST, 'alice');
  await home.pass(1, 1_000 * HOUR);
  assert.deepEqual(home.grants.current(), []);
  home.time.wall -= 1_000 * HOUR;
  await home.restart();
  assert.deepEqual(home.grants.current(), []);
});

test('a revoked grant ends at once also when the ledger takes nothing, and twice is an error', async () => {
  using home = await world();
  const made = await home.grants.add(REQUEST, 'alice');
  home.fail(true);
  await home.grants.revoke(made.id, 'bob');
  assert.deepEqual(home.grants.current(), []);
  assert.equal(await codeOf(home.grants.revoke(made.id, 'bob')), 'GRANT_UNKNOWN');
});

test('an emergency opening is loud, short, needs no second person and ends by itself', async () => {
  using home = await world({ twoPersons: true, enabled: false, hosts: [] });
  assert.equal(
    await codeOf(home.grants.breakglass({ ...REQUEST, durationMs: 31 * 60_000 }, 'a')),
    'GRANT_TOO_LONG',
  );
  await home.grants.breakglass({ ...REQUEST, durationMs: 30 * 60_000 }, 'alice');
  assert.equal(home.grants.current().length, 2);
  assert.deepEqual(
    home.alerts.map(({ rule, code, severity }) => [rule, code, severity]),
    [['grant.breakglass', 'GRANT_BREAKGLASS', 'critical']],
  );
  const findings = checkGrants({ granted: await home.grants.list(), configured: [], now: home.time.wall });
  assert.deepEqual(
    findings.map(({ id, severity }) => [id, severity]),
    [['GRANT_BREAKGLASS_OPEN', 'high']],
  );
  await home.pass(30 * 60_000);
  assert.deepEqual(home.grants.current(), []);
  assert.equal(home.alerts.at(-1)?.severity, 'high');
});

test('grants/an emergency opening where it is switched off: refused', async () => {
  using home = await world({ breakglass: { enabled: false, maxMinutes: 30 } });
  const code = await codeOf(home.grants.breakglass({ ...REQUEST, durationMs: 60_000 }, 'a'));
  assert.equal(code, 'GRANT_NOT_PERMITTED');
});

test('as many grants as may be open are, and one more is refused until one ends', async () => {
  using home = await world();
  const first = await home.grants.add(REQUEST, 'a');
  for (let n = 1; n < MAX_OPEN_GRANTS; n += 1) await home.grants.add(REQUEST, 'a');
  assert.equal(await codeOf(home.grants.add(REQUEST, 'a')), 'GRANT_LIMIT');
  await home.grants.revoke(first.id, 'a');
  assert.equal(await codeOf(home.grants.add(REQUEST, 'a')), 'accepted');
});

test('a stored grant holds up only as it was recorded and judged', async () => {
  using home = await world();
  const made = await home.grants.add(REQUEST, 'alice');
  assert.equal(grantProblem(made, POLICY, judge), undefined);
  assert.notEqual(
    grantDigest({ ...made, match: { ...made.match, host: ['evil.example'] } }),
    grantDigest(made),
  );
  assert.notEqual(grantDigest({ ...made, expiresAt: made.expiresAt + 1 }), grantDigest(made));
  assert.match(
    grantProblem({ ...made, match: { host: ['API.example.org'], port: ['443'] } }, POLICY, judge) ?? '',
    /canonical/,
  );
  assert.match(grantProblem({ ...made, expiresAt: made.expiresAt + 1e12 }, POLICY, judge) ?? '', /times/);
  assert.match(grantProblem(made, { ...POLICY, twoPersons: true }, judge) ?? '', /nobody else/);
});

test('a grant that waits, and one of the configuration that lasts too long, are findings', async () => {
  const now = 1_700_000_000_000;
  const long = { id: 'g', kind: 'net.connect', match: {}, expires: now + 400 * 86_400_000 } as never;
  const waiting = {
    subject: { agent: 'main' },
    id: 'w',
    status: 'waiting',
    requestedBy: 'bob',
    ticket: 'T-1',
    kind: 'net.connect',
    match: {},
  };
  const ids = (granted: readonly object[], configured: readonly never[]) =>
    checkGrants({ granted: granted as never, configured, now }).map(({ id }) => id);
  assert.deepEqual(ids([], []), []);
  assert.deepEqual(ids([waiting], []), ['GRANT_WAITS']);
  assert.deepEqual(ids([], [long]), ['GRANT_LONG']);
});
