import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigService } from '../configuration/types.ts';
import {
  createGrantService,
  GRANTABLE_KINDS,
  type GrantTables,
  migrations,
} from '../controls/grants/index.ts';
import { openDatabase } from '../drivers/sqlite/index.ts';
import type { Alert, Egress, RefusedDestination } from '../kernel/index.ts';
import { askingEgress } from './egress-asks.ts';
import { judgeGrantValue } from './grant-judge.ts';
import { systemClock, systemRandom } from './system.ts';

const LOGGER = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function world(askForEgress: boolean) {
  const file = openDatabase<GrantTables>(':memory:');
  await file.migrate(migrations);
  const alerts: Alert[] = [];
  const raise = (alert: Alert) => void alerts.push(alert);
  const actions: string[] = [];
  const grants = createGrantService({
    db: file.db,
    clock: systemClock,
    random: systemRandom,
    ledger: {
      append: async ({ action }) => {
        actions.push(action);
        return { writer: 'test', seq: 1, hash: '' };
      },
    },
    alerts: { raise },
    policy: () => ({
      enabled: true,
      twoPersons: false,
      maxHours: 24,
      kinds: GRANTABLE_KINDS,
      breakglass: { enabled: true, maxMinutes: 30 },
    }),
    judge: async () => judgeGrantValue,
    setTimer: () => () => undefined,
  });
  let refused: readonly RefusedDestination[] = [];
  const egress = {
    openRun: async () => ({ socketPath: '/s' }),
    closeRun: async () => ({ reached: false, refused }),
  } as unknown as Egress;
  const agents = new Map([['dev', { playbook: 'p', askForEgress }]]);
  const config = { current: () => ({ agents }) } as unknown as ConfigService;
  const asking = askingEgress({ egress, config, grants, alerts: { raise }, logger: LOGGER });
  let serial = 0;
  return {
    grants,
    alerts,
    actions,
    /** One run of the agent that was refused these. */
    async run(...hosts: readonly (readonly [string, string?])[]) {
      refused = hosts.map(([host, code = 'EGRESS_HOST_NOT_ALLOWED']) => ({ host, port: 443, code }));
      const run = `r${(serial += 1)}`;
      await asking.openRun({ principal: 'p', agent: 'dev', session: 's1', run });
      await asking.closeRun(run);
    },
    waiting: async () => (await grants.list()).filter(({ status }) => status === 'waiting'),
    [Symbol.dispose]() {
      grants.close();
      file.close();
    },
  };
}

test('a refused destination becomes one question, for that host, port, agent and session, and opens it for an hour', async () => {
  using home = await world(true);
  await home.run(['api.vendor.org'], ['api.vendor.org']);
  await home.run(['api.vendor.org']);
  const [asked, ...more] = await home.waiting();
  assert.ok(asked);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [asked.match, asked.subject],
    [
      { host: ['api.vendor.org'], port: ['443'] },
      { agent: 'dev', session: 's1' },
    ],
  );
  assert.deepEqual(
    home.alerts.map(({ rule, code }) => [rule, code]),
    [['egress.asked', 'GRANT_ASKED']],
  );
  assert.deepEqual(home.grants.current(), []);
  const made = await home.grants.approve(asked.id, 'operator');
  assert.deepEqual([made.status, made.expiresAt - made.createdAt], ['active', 3_600_000]);
  assert.equal(home.grants.current().length, 2);
  assert.deepEqual(home.actions, ['grant.requested', 'grant.approved']);
});

test('a question that was answered with no is not asked again', async () => {
  using home = await world(true);
  await home.run(['api.vendor.org']);
  const [asked] = await home.waiting();
  await home.grants.revoke(asked?.id ?? '', 'operator');
  await home.run(['api.vendor.org']);
  assert.deepEqual(await home.waiting(), []);
});

test('egress/a run that floods the operator with questions: refused beyond the first five', async () => {
  using home = await world(true);
  for (let n = 0; n < 20; n += 1) await home.run([`h${n}.vendor.org`], [`i${n}.vendor.org`]);
  assert.equal((await home.waiting()).length, 5);
});

test('without askForEgress only a rule that asks becomes a question, and what no grant opens never does', async () => {
  using home = await world(false);
  await home.run(['api.vendor.org'], ['asked.vendor.org', 'EGRESS_HOST_ASK']);
  assert.deepEqual(
    (await home.waiting()).map(({ match }) => match['host']),
    [['asked.vendor.org']],
  );
  using open = await world(true);
  await open.run(['localhost'], ['169.254.169.254'], ['10.0.0.1']);
  assert.deepEqual(await open.waiting(), []);
});
