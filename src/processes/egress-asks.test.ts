import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigService } from '../configuration/types.ts';
import {
  type ApprovalTables,
  migrations as approvalMigrations,
  createApprovalService,
} from '../controls/execution/index.ts';
import {
  createGrantService,
  GRANTABLE_KINDS,
  type GrantPolicy,
  type GrantTables,
  migrations,
} from '../controls/grants/index.ts';
import { openDatabase } from '../drivers/sqlite/index.ts';
import type { Alert, Egress, RefusedDestination } from '../kernel/index.ts';
import { ASKED_MS, createEgressQuestions, MAX_ASKED } from './egress-asks.ts';
import { judgeGrantValue } from './grant-judge.ts';
import { systemClock, systemRandom } from './system.ts';

const LOGGER = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ALICE = { principal: 'principal:alice' };

async function world(askForEgress: boolean) {
  const file = openDatabase<GrantTables & ApprovalTables>(':memory:');
  await file.migrate(migrations, approvalMigrations);
  const alerts: Alert[] = [];
  const raise = (alert: Alert) => void alerts.push(alert);
  const actions: string[] = [];
  const ledger = {
    append: async ({ action }: { readonly action: string }) => {
      actions.push(action);
      return { writer: 'test', seq: 1, hash: '' };
    },
  };
  const grantPolicy: { -readonly [Key in keyof GrantPolicy]: GrantPolicy[Key] } = {
    enabled: true,
    twoPersons: false,
    maxHours: 24,
    kinds: GRANTABLE_KINDS,
    breakglass: { enabled: true, maxMinutes: 30 },
  };
  const shared = { db: file.db, clock: systemClock, random: systemRandom, ledger, logger: LOGGER };
  const grants = createGrantService({
    ...shared,
    alerts: { raise },
    policy: () => grantPolicy,
    judge: async () => judgeGrantValue,
    setTimer: () => () => undefined,
  });
  const approvals = createApprovalService({ ...shared, setTimer: () => () => undefined });
  let refused: readonly RefusedDestination[] = [];
  let looks = 0;
  const egress = {
    openRun: async () => ({ socketPath: '/s' }),
    closeRun: async () => ({ reached: false, refused }),
    refreshGrants: async () => void (looks += 1),
  } as unknown as Egress;
  const agents = new Map([['dev', { playbook: 'p', askForEgress }]]);
  const config = { current: () => ({ agents, grantPolicy }) } as unknown as ConfigService;
  const questions = createEgressQuestions({
    egress,
    config,
    approvals,
    grants,
    alerts: { raise },
    clock: systemClock,
    logger: LOGGER,
  });
  let serial = 0;
  return {
    grants,
    approvals,
    questions,
    alerts,
    actions,
    grantPolicy,
    looks: () => looks,
    /** One run of the agent that was refused these. */
    async run(...hosts: readonly (readonly [string, string?])[]) {
      refused = hosts.map(([host, code = 'EGRESS_HOST_NOT_ALLOWED']) => ({ host, port: 443, code }));
      const run = `r${(serial += 1)}`;
      await questions.openRun({ principal: 'p', agent: 'dev', session: 's1', run });
      return questions.closeRun(run);
    },
    waiting: () => approvals.list({ status: 'pending' }),
    [Symbol.dispose]() {
      grants.close();
      approvals[Symbol.dispose]();
      file.close();
    },
  };
}

test('a refused destination becomes one approval, for that host, port, agent, principal and session, and opens it for an hour', async () => {
  using home = await world(true);
  const closed = await home.run(['api.vendor.org'], ['api.vendor.org']);
  await home.run(['api.vendor.org']);
  const [asked, ...more] = await home.waiting();
  assert.ok(asked);
  assert.deepEqual(more, []);
  assert.deepEqual(
    closed.refused?.map(({ approval }) => approval),
    [asked.id, asked.id],
    'the agent is told which approval waits',
  );
  assert.equal(asked.title, 'connect to api.vendor.org:443');
  assert.deepEqual(asked.reach?.hosts, ['api.vendor.org:443']);
  assert.deepEqual(
    home.alerts.map(({ rule, code }) => [rule, code]),
    [['egress.asked', 'GRANT_ASKED']],
  );
  assert.deepEqual(home.grants.current(), []);
  await home.questions.settle(await home.approvals.resolve(asked.id, 'allow-once', ALICE));
  const [made] = await home.grants.list();
  assert.ok(made);
  assert.deepEqual(made.match, { host: ['api.vendor.org'], port: ['443'] });
  assert.deepEqual(made.subject, { agent: 'dev', principal: 'p', session: 's1' });
  assert.deepEqual(
    [made.owner, made.ticket, made.approvedBy],
    [ALICE.principal, `approval ${asked.id}`, ALICE.principal],
  );
  assert.deepEqual([made.status, made.expiresAt - made.createdAt], ['active', ASKED_MS]);
  assert.equal(home.grants.current().length, 2);
  assert.equal(home.looks(), 1);
  assert.deepEqual(home.actions, [
    'approval.requested',
    'approval.resolved',
    'approval.consumed',
    'grant.approved',
  ]);
});

test('one answer makes one grant, also when it is taken up again after a crash', async () => {
  using home = await world(true);
  await home.run(['api.vendor.org']);
  const [asked] = await home.waiting();
  const answered = await home.approvals.resolve(asked?.id ?? '', 'allow-once', ALICE);
  await home.questions.settleAll();
  await home.questions.settle(answered);
  await home.questions.settleAll();
  assert.equal((await home.grants.list(true)).length, 1);
});

test('the answer for the session lasts as long as it says, and never longer than grantPolicy', async () => {
  using home = await world(true);
  home.grantPolicy.maxHours = 2;
  for (const [host, forMs, most] of [
    ['one.vendor.org', 5_400_000, 5_400_000],
    ['two.vendor.org', undefined, 7_200_000],
  ] as const) {
    await home.run([host]);
    const [asked] = await home.waiting();
    const decision = { decision: 'allow-always', ...(forMs === undefined ? {} : { forMs }) } as const;
    await home.questions.settle(await home.approvals.resolve(asked?.id ?? '', decision, ALICE));
    const made = (await home.grants.list()).find(({ match }) => match['host']?.[0] === host);
    const lasts = (made?.expiresAt ?? 0) - (made?.createdAt ?? 0);
    assert.ok(lasts > most - 5_000 && lasts <= most, `${host} ${lasts}`);
  }
});

test('egress/an answer to what grantPolicy does not allow any more: refused, and nothing is opened', async () => {
  using home = await world(true);
  await home.run(['api.vendor.org']);
  const [asked] = await home.waiting();
  home.grantPolicy.enabled = false;
  const answered = await home.approvals.resolve(asked?.id ?? '', 'allow-once', ALICE);
  await assert.rejects(home.questions.settle(answered), { code: 'GRANT_NOT_PERMITTED' });
  assert.deepEqual(await home.grants.list(true), []);
});

test('egress/one person where grants need two: refused until another one allows it too', async () => {
  using home = await world(true);
  home.grantPolicy.twoPersons = true;
  await home.run(['api.vendor.org']);
  const [asked] = await home.waiting();
  assert.equal(asked?.people, 2);
  await home.questions.settle(await home.approvals.resolve(asked?.id ?? '', 'allow-once', ALICE));
  assert.deepEqual(await home.grants.list(true), []);
  const bob = { principal: 'principal:bob' };
  await home.questions.settle(await home.approvals.resolve(asked?.id ?? '', 'allow-once', bob));
  assert.equal(home.grants.current().length, 2);
});

test('a question that was answered with no is not asked again, and one whose grant has ended is', async () => {
  using home = await world(true);
  await home.run(['api.vendor.org'], ['other.vendor.org']);
  for (const asked of await home.waiting()) {
    const decision = asked.title.includes('api.') ? 'deny' : 'allow-once';
    await home.questions.settle(await home.approvals.resolve(asked.id, decision, ALICE));
  }
  await home.run(['api.vendor.org'], ['other.vendor.org']);
  assert.deepEqual(
    (await home.waiting()).map(({ title }) => title),
    ['connect to other.vendor.org:443'],
  );
});

test('egress/a run that floods the operator with questions: refused beyond the first five', async () => {
  using home = await world(true);
  for (let n = 0; n < 20; n += 1) await home.run([`h${n}.vendor.org`], [`i${n}.vendor.org`]);
  assert.equal((await home.waiting()).length, MAX_ASKED);
});

test('without askForEgress only a rule that asks becomes a question, and what no grant opens never does', async () => {
  using home = await world(false);
  await home.run(['api.vendor.org'], ['asked.vendor.org', 'EGRESS_HOST_ASK']);
  assert.deepEqual(
    (await home.waiting()).map(({ title }) => title),
    ['connect to asked.vendor.org:443'],
  );
  using open = await world(true);
  await open.run(['localhost'], ['169.254.169.254'], ['10.0.0.1']);
  assert.deepEqual(await open.waiting(), []);
});
