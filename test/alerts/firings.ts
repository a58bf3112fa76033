import { ApprovalDesk, MAX_GUESSES } from '../../src/channels/approvals/desk.ts';
import { ChannelRuntime } from '../../src/channels/index.ts';
import type { ConfigService } from '../../src/configuration/types.ts';
import { alertingWorld, MINUTE } from '../../src/controls/alerting/testing/world.ts';
import { Exposures } from '../../src/controls/auth/exposure/service.ts';
import { KeyCache } from '../../src/controls/auth/oidc/key-cache.ts';
import { SPIKE_REFUSALS, SpikeWatch } from '../../src/controls/auth/spikes.ts';
import { type AuthTables, migrations as authTables } from '../../src/controls/auth/tables.ts';
import {
  type BudgetTables,
  migrations as budgetTables,
  createBudget,
} from '../../src/controls/budget/index.ts';
import { drill, world as drillWorld, refused } from '../../src/controls/drills/testing/world.ts';
import { SPIKE_REFUSALS as EGRESS_SPIKE } from '../../src/controls/egress/gate.ts';
import { raiseMisuse } from '../../src/controls/egress/intercept/server.ts';
import { IDENTITY, startRunProxy } from '../../src/controls/egress/testing/parts.ts';
import { rawRequest } from '../../src/controls/egress/testing/sockets.ts';
import { SECRETS_CODES } from '../../src/controls/secrets/codes.ts';
import { HoneytokenTripwire } from '../../src/controls/secrets/index.ts';
import { START } from '../../src/controls/senders/testing/world.ts';
import { createDenials, DENIED_SPIKE } from '../../src/controls/trace/denials.ts';
import { scratchLedger } from '../../src/controls/trace/testing/scratch.ts';
import { openDatabase } from '../../src/drivers/sqlite/index.ts';
import type { Egress } from '../../src/kernel/index.ts';
import { EgressGrants } from '../../src/processes/egress/grants.ts';
import { createEgressQuestions } from '../../src/processes/egress-asks.ts';
import { EGRESS_AWAY_MS, tellProof } from '../../src/processes/gateway/condition-watch.ts';
import { watchListeners } from '../../src/processes/gateway/listener-watch.ts';
import { reloadAndTell } from '../../src/processes/gateway/policy-watch.ts';
import { reportKept } from '../../src/processes/masking/sandbox.ts';
import { bringNothingBack } from '../../src/processes/nothing-back.ts';
import {
  conditions,
  DAY,
  driftHome,
  exposure,
  type Firing,
  grantHome,
  HOUR,
  LOGGER,
  ledger,
  POLICY,
  REQUEST,
  random,
  standing,
} from './parts.ts';

/** One for each rule of the catalogue. */
export const FIRINGS: Readonly<Record<string, Firing>> = {
  'alerts.silenced': {
    async fire(alerts) {
      await using w = await alertingWorld();
      await w.alerting.silence({
        rule: 'auth.spike',
        by: 'alice',
        ticket: 'T-1',
        reason: 'noise',
        until: w.now() + HOUR,
      });
      for (const alert of w.raised()) alerts.raise(alert);
    },
    says: /alice silenced auth\.spike until .*\(T-1\): noise/,
  },
  'alerts.undelivered': {
    async fire(alerts) {
      await using w = await alertingWorld();
      w.answers.set('pager', () => ({ status: 'retry', reason: 'it answered 503' }));
      w.raise();
      await w.later(0);
      await w.later(11 * MINUTE);
      for (const alert of w.raised().slice(1)) alerts.raise(alert);
    },
    says: /the destination pager has not taken alerts since .*: it answered 503/,
  },
  'approvals.waiting': {
    async fire(alerts) {
      const waiting = async () => [{ id: 'a1', title: 'rm', createdAt: START - 16 * MINUTE }];
      await conditions(alerts, { waiting }).watch.check();
    },
    says: /1 approvals wait for a person, the oldest \(a1\) for 16 minutes/,
  },
  'auth.denied-spike': {
    async fire(alerts) {
      const { clock } = standing();
      const denials = createDenials({
        ledger,
        clock,
        alerts,
        setTimer: () => () => undefined,
        onLost: () => undefined,
      });
      for (let n = 0; n < DENIED_SPIKE; n += 1)
        await denials.record({
          type: 'decision',
          action: 'operation.call',
          outcome: 'deny',
          code: 'AUTH_SCOPE_MISSING',
          subject: { principal: 'token:ci' },
          data: { operation: 'token.issue' },
        });
    },
    says: /20 calls of token:ci were refused within a minute/,
  },
  'auth.oidc-unavailable': {
    async fire(alerts) {
      const cache = new KeyCache(
        { issuer: 'https://id.example.org', jwksUri: 'https://id.example.org/jwks' },
        { fetch: () => Promise.reject(new Error('down')), clock: standing().clock, alerts },
      );
      await cache.find('k1', 0).catch(() => undefined);
    },
    says: /the keys of the identity provider https:\/\/id\.example\.org could not be read/,
  },
  'auth.restored-credential': {
    async fire(alerts) {
      const records = [{ data: { id: 't1' }, at: 1 }] as never;
      await bringNothingBack({ start: async (ids) => ids as never }, { query: async () => records }, alerts);
    },
    says: /1 revoked tokens are valid; they were revoked again/,
  },
  'auth.spike': {
    async fire(alerts) {
      const watch = new SpikeWatch(standing().clock, alerts);
      for (let n = 0; n < SPIKE_REFUSALS; n += 1)
        watch.refused('AUTH_TOKEN_UNKNOWN', { address: '192.0.2.7', userAgent: 'x', surface: 'http' }, 'x');
    },
    says: /20 requests from 192\.0\.2\.7 were refused within a minute/,
  },
  'auth.token-exposed': {
    async fire(alerts) {
      const file = openDatabase<AuthTables>(':memory:');
      await file.migrate(authTables);
      const summary = {
        id: 't1',
        name: 'ci',
        version: 1,
        principal: 'token:ci',
        owner: 'ops',
        kind: 'token',
      };
      const token = {
        digest: 'd',
        summary: { ...summary, revokedAt: null, expiresAt: null },
        bound: null,
        sunsetAt: null,
      };
      const tokens = { findByDigest: async () => ({ ...summary, ...token }) };
      const exposures = new Exposures({
        db: file.db,
        tokens: tokens as never,
        clock: standing().clock,
        alerts,
      });
      await exposures.identify([{ digest: 'd', place: '/srv/backup/.env' }], { id: 'operator' } as never);
    },
    says: /the live token ci \(version 1\) was found where it should not be/,
  },
  'approvals.guessing': {
    async fire(alerts) {
      const approver = { channel: 'telegram', account: 'default', sender: '7', principal: 'principal:ann' };
      const desk = new ApprovalDesk({
        store: { of: async () => [], end: async () => undefined } as never,
        approvals: {
          approvers: async () => [{ ...approver, agents: ['*'] }],
          subscribe: () => () => undefined,
        } as never,
        reaches: () => true,
        send: () => undefined,
        outgoing: (() => undefined) as never,
        maxMessage: 4_000,
        redact: (text) => text,
        ledger,
        alerts,
        clock: standing().clock,
        random,
        logger: LOGGER,
        setTimer: () => () => undefined,
      });
      const row = { ...approver, chat_kind: 'direct', chat_id: '7', text: '/approve ABCDEFGH' } as never;
      for (let n = 0; n < MAX_GUESSES + 1; n += 1) await desk.handle(row, 't');
    },
    says: /5 wrong approval codes within an hour from sender:telegram:default:7/,
  },
  'budget.use': {
    async fire(alerts) {
      const file = openDatabase<BudgetTables>(':memory:');
      await file.migrate(budgetTables);
      const { clock } = standing();
      const settings = () => ({ install: { requests: { day: 10 } } });
      const budget = createBudget({ db: file.db, clock, random, ledger, alerts, logger: LOGGER, settings });
      for (let n = 0; n < 8; n += 1)
        await (await budget.reserve({ subject: { principal: 'bob' } }, { requests: 1 })).settle({
          requests: 1,
        });
    },
    says: /80 % of the requests of install per day are used/,
  },
  'channel.unknown-send': {
    async fire(alerts) {
      const store = {
        forgetOld: async () => undefined,
        markUnknown: async () => 2,
        open: async () => [],
        pending: async () => [],
      };
      const runtime = new ChannelRuntime({
        store: store as never,
        questions: { forgetOld: async () => undefined, open: async () => [] } as never,
        approvals: {
          approvers: async () => [],
          pending: async () => [],
          subscribe: () => () => undefined,
        } as never,
        senders: { onBlocked: () => () => undefined } as never,
        turns: { subscribe: () => () => undefined } as never,
        ceiling: (() => undefined) as never,
        ledger,
        alerts,
        clock: standing().clock,
        random,
        logger: LOGGER,
        redact: (text) => text,
        setTimer: () => () => undefined,
      });
      await runtime.resume([]);
    },
    says: /2 answers may or may not have reached their reader/,
  },
  'config.refused': {
    async fire(alerts) {
      const issue = {
        path: 'rules[0].host',
        code: 'CONFIG_EGRESS_INVALID',
        message: 'not a host',
        fix: 'Write a host.',
      };
      const reload = async () => ({
        applied: false,
        refused: true,
        issues: [{ ...issue, file: 'egress.yaml', line: 3 }],
      });
      await reloadAndTell({ config: { reload } as unknown as ConfigService, alerts, logger: LOGGER }, 'test');
    },
    says: /was not applied, the old one stays: not a host \(egress\.yaml:3\)/,
  },
  'drift.baseline': {
    async fire(alerts) {
      const { drift, db } = await driftHome(alerts);
      const row = await db.selectFrom('baselines').selectAll().executeTakeFirstOrThrow();
      const envelope = JSON.parse(row.envelope) as { payload: string };
      const forged = Buffer.from(envelope.payload, 'base64').toString().replace('alice', 'mallo');
      const changed = JSON.stringify({ ...envelope, payload: Buffer.from(forged).toString('base64') });
      await db.updateTable('baselines').set({ envelope: changed }).execute();
      await drift.check().catch(() => undefined);
    },
    says: /baseline/,
  },
  'drift.found': {
    async fire(alerts) {
      const { drift, state } = await driftHome(alerts);
      state.permissions = 'after';
      await drift.check();
    },
    says: /differ/,
  },
  'drill.failed': {
    async fire(alerts) {
      const { engine, alerts: raised } = drillWorld([drill('a.host', refused({ refusal: false }))]);
      await engine.run({ names: [], subject: { principal: 'olga' }, caller: undefined, scheduled: false });
      for (const alert of raised) alerts.raise(alert);
    },
    says: /the drill a\.host failed: nothing refused it/,
  },
  'egress.asked': {
    async fire(alerts) {
      const { grants } = await grantHome(alerts);
      const refusal = { host: 'api.vendor.org', port: 443, code: 'EGRESS_HOST_ASK' };
      const egress = {
        openRun: async () => ({ socketPath: '/s', env: {} }),
        closeRun: async () => ({ reached: false, refused: [refusal] }),
      } as unknown as Egress;
      const agents = new Map([['dev', { playbook: 'p' }]]);
      const config = { current: () => ({ agents, grantPolicy: POLICY }) } as unknown as ConfigService;
      const { clock } = standing();
      const approvals = {
        list: async () => [],
        request: async () => ({ id: 'a-1' }),
        consume: async () => undefined,
      } as never;
      const parts = { egress, config, approvals, grants, alerts, clock, logger: LOGGER };
      const asking = createEgressQuestions(parts);
      await asking.openRun({ principal: 'p', agent: 'dev', session: 's1', run: 'r1' });
      await asking.closeRun('r1');
    },
    says: /dev asks for .*api\.vendor\.org/,
  },
  'egress.down': {
    async fire(alerts) {
      const { time, egress } = conditions(alerts, {});
      egress('down');
      time.now += EGRESS_AWAY_MS - 1;
      egress('down');
      if (alerts.raised.length > 0) throw new Error('too early');
      time.now += 1;
      egress('down');
      egress('down');
    },
    says: /egress has not answered for 10 s/,
  },
  'egress.spike': {
    async fire(alerts) {
      await using proxy = await startRunProxy();
      const head = 'CONNECT evil.example.org:443 HTTP/1.1\r\nHost: evil.example.org:443\r\n\r\n';
      for (let n = 0; n < EGRESS_SPIKE; n += 1) await rawRequest(proxy.socketPath, head);
      for (const alert of proxy.alerts.raised) alerts.raise(alert);
    },
    says: /20 connections of a run of main were refused within a minute/,
  },
  'grant.breakglass': {
    async fire(alerts) {
      const { grants } = await grantHome(alerts);
      await grants.breakglass({ ...REQUEST, durationMs: 10 * MINUTE }, 'alice');
    },
    says: /alice opened .*api\.example\.org.* in an emergency for .*: import/,
  },
  'grant.ended': {
    async fire(alerts) {
      const { grants, time } = await grantHome(alerts);
      await grants.add(REQUEST, 'alice');
      time.now += HOUR;
      await grants.start();
    },
    says: /the grant of .*api\.example\.org.* \(OPS-1\) has ended/,
  },
  'grant.not-honoured': {
    async fire(alerts) {
      const { grants, state } = await grantHome(alerts);
      await grants.add(REQUEST, 'alice');
      state.policy = { ...POLICY, enabled: false };
      await grants.start();
    },
    says: /the grant .* is not honoured: /,
  },
  'grant.unusual': {
    async fire(alerts) {
      const { grants, clock } = await grantHome({ raise: () => undefined });
      const made = await grants.breakglass({ ...REQUEST, durationMs: 10 * MINUTE }, 'alice');
      const own = new EgressGrants({
        source: { read: () => [made], recorded: () => true },
        ledger,
        alerts,
        clock,
        logger: LOGGER,
        policy: () => POLICY,
        onChange: () => undefined,
      });
      await own.refresh();
      own.used(made.id, { principal: 'p', agent: 'main' });
      own.stop();
    },
    says: /the grant .* \(OPS-1\) is used for the first time/,
  },
  'honeytoken.used': {
    async fire(alerts) {
      const tripwire = new HoneytokenTripwire(alerts);
      const bait = `gth_${'a'.repeat(60)}`;
      using _decoy = tripwire.decoy('h1', bait);
      tripwire.trips(`curl -H "authorization: ${bait}"`, { where: 'arguments of shell' });
    },
    says: /a planted gatehouse credential of a drill turned up in arguments of shell/,
  },
  'ledger.broken': {
    async fire(alerts) {
      using scratch = scratchLedger();
      const real = scratch.open();
      for (let n = 0; n < 3; n += 1) await real.append({ type: 'process', action: 'a', outcome: 'success' });
      await real.checkpoint();
      scratch.raw.exec("UPDATE records SET action = 'b' WHERE seq = 2");
      await conditions(alerts, {
        prove: async () => tellProof({ alerts }, await real.verify()),
      }).watch.prove();
      await real.close();
    },
    says: /gateway record 2: /,
  },
  'ledger.unsigned': {
    async fire(alerts) {
      using scratch = scratchLedger();
      const real = scratch.open({ sign: () => Promise.reject(new Error('no key')) });
      await real.append({ type: 'process', action: 'a', outcome: 'success' });
      await conditions(alerts, { extent: () => real.extent() }, scratch.time + 11 * MINUTE).watch.check();
      await real.close();
    },
    says: /1 records of the ledger are not signed, the oldest since /,
  },
  'listener.certificate': {
    async fire(alerts) {
      const certificates = () => [{ plane: 'users', address: '10.0.0.5:18789', expires: START + 2 * DAY }];
      await conditions(alerts, { certificates }).watch.check();
    },
    says: /the certificate of 10\.0\.0\.5:18789 \(users\) ends in 2 days/,
  },
  'listener.drift': {
    async fire(alerts) {
      const finding = {
        id: 'listen.exposed',
        severity: 'critical',
        title: 'a socket that nothing declares is open',
        expected: 'none',
        found: 'tcp4 0.0.0.0:9229 (gateway)',
        fix: 'Find out which program opened it, and close it.',
        requirements: ['L2'],
      } as const;
      const measure = async () => [finding];
      await watchListeners({ measure, ledger, alerts, logger: LOGGER, every: () => () => undefined }).check();
    },
    says: /a socket that nothing declares is open/,
  },
  'listener.grant-ended': {
    async fire(alerts) {
      exposure(alerts, {
        expire: () => [{ kind: 'tcp', address: '10.0.0.5', port: 18_789, plane: 'users' }],
      }).arm();
    },
    says: /the grant for 10\.0\.0\.5:18789 \(users\) has ended; the listener is closed/,
  },
  'listener.not-applied': {
    async fire(alerts) {
      const apply = () => Promise.reject(new Error('EADDRINUSE'));
      await exposure(alerts, { apply }).follow();
    },
    says: /the listeners of the new configuration were not opened/,
  },
  'secrets.misuse': {
    async fire(alerts) {
      const refusal = SECRETS_CODES.error('SECRET_WRONG_HOST', undefined, {
        details: { secret: 'API_KEY', host: 'evil.example.org' },
      });
      raiseMisuse({ alerts } as never, IDENTITY, refusal);
    },
    says: /a run of main sent a secret's placeholder where it does not belong/,
  },
  'secrets.write-back-kept': {
    async fire(alerts) {
      const settled = [
        { path: '/w/.env', outcome: 'kept', kept: '/w/.env.kept', why: 'changed outside' },
      ] as const;
      await reportKept({ alerts, ledger, logger: LOGGER }, settled as never, 'r1');
    },
    says: /a run changed a file with credentials, and the change was kept beside it/,
  },
  'senders.spike': {
    async fire(alerts) {
      const { senderWorld } = await import('../../src/controls/senders/testing/world.ts');
      await using world = await senderWorld({
        written: { telegram: { accounts: ['default'] } } as never,
        alerts,
      });
      const facts = {
        channel: 'telegram',
        account: 'default',
        sender: '666',
        displayName: 'x',
        chat: { kind: 'group', id: '-1' },
        mentioned: false,
      } as const;
      for (let n = 0; n < 20; n += 1) await world.senders.admit(facts, `t${n}`);
    },
    says: /20 messages of 666 on telegram\/default were refused within a minute/,
  },
};
