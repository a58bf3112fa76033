import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DIGEST_MS, GIVE_UP_MS, UNDELIVERED_MS } from './outbox.ts';
import { MAX_KEPT } from './service.ts';
import { alertingWorld, MINUTE } from './testing/world.ts';
import type { AlertSent } from './types.ts';

const DOWN: AlertSent = { status: 'retry', reason: 'it answered 503' };

describe('what is told', () => {
  test('an alert is told once; the same again within the time is counted and not told', async () => {
    await using w = await alertingWorld();
    const first = w.raise();
    await w.later(0);
    w.raise();
    await w.later(59 * MINUTE);
    assert.equal(w.sent.length, 1);
    assert.equal((await w.alerting.show('gateway:2')).state, 'repeated');
    assert.equal((await w.alerting.show('gateway:2')).count, 2);
    w.raise();
    await w.later(MINUTE);
    assert.equal(w.sent.length, 2);
    assert.equal(w.sent[0]?.message.id, `gateway:${first.seq}:pager:alert`);
  });

  test('another client is another alert, and one that has become worse is told at once', async () => {
    await using w = await alertingWorld();
    w.raise({ key: 'a', severity: 'warning' });
    w.raise({ key: 'b', severity: 'warning' });
    await w.later(0);
    assert.equal(w.sent.length, 2);
    w.raise({ key: 'a', severity: 'critical' });
    await w.later(MINUTE);
    assert.equal(w.sent.length, 3);
    w.raise({ key: 'a', severity: 'high' });
    await w.later(MINUTE);
    assert.equal(w.sent.length, 3);
  });

  test('what somebody has taken is quiet for a day, also when it is raised again', async () => {
    await using w = await alertingWorld();
    w.raise();
    await w.later(0);
    const acked = await w.alerting.acknowledge('gateway:1', 'alice', 'on it');
    assert.deepEqual(acked.acknowledged, { by: 'alice', at: w.now(), note: 'on it' });
    w.raise();
    await w.later(23 * 60 * MINUTE);
    assert.equal(w.sent.length, 1);
    assert.equal((await w.alerting.show('gateway:2')).state, 'acknowledged');
    w.raise();
    await w.later(60 * MINUTE);
    assert.equal(w.sent.length, 2);
  });

  test('alerts that drills provoke go only where drills are wanted', async () => {
    const pager = { type: 'webhook', severities: ['high'] } as const;
    await using w = await alertingWorld({
      destinations: [
        { ...pager, name: 'pager', drills: false },
        { ...pager, name: 'bench', drills: true },
      ],
    });
    w.raise({ drill: 'r0123456789' });
    await w.later(0);
    assert.deepEqual(
      w.sent.map(({ to }) => to),
      ['bench'],
    );
    assert.match(w.sent[0]?.message.subject ?? '', /\[drill\]/);
  });

  test('a destination hears only of its severities, and history from before is told to nobody', async () => {
    await using w = await alertingWorld({
      destinations: [{ name: 'pager', type: 'mail', severities: ['critical'], drills: false }],
    });
    w.raise({ severity: 'high' });
    w.raise({ severity: 'critical', key: 'old', at: w.now() - 2 * 86_400_000 });
    await w.later(0);
    assert.equal(w.sent.length, 0);
    assert.equal((await w.alerting.show('gateway:1')).state, 'unwanted');
  });
});

describe('delivery', () => {
  test('a destination that is down is tried again under the same id, with growing waits, until it takes it', async () => {
    await using w = await alertingWorld();
    let attempts = 0;
    w.answers.set('pager', () => {
      attempts += 1;
      return DOWN;
    });
    w.raise();
    await w.later(0);
    await w.later(1_999);
    assert.equal(attempts, 1);
    await w.later(1);
    assert.equal(attempts, 2);
    await w.later(3_999);
    assert.equal(attempts, 2);
    await w.later(1);
    assert.equal(attempts, 3);
    assert.match((await w.alerting.destinations())[0]?.problem ?? '', /503/);
    w.answers.delete('pager');
    await w.later(MINUTE);
    assert.equal(w.sent.length, 1);
    assert.equal((await w.alerting.destinations())[0]?.problem, null);
    const { deliveries } = await w.alerting.show('gateway:1');
    assert.deepEqual([deliveries[0]?.status, deliveries[0]?.attempts], ['sent', 4]);
  });

  test('a new process takes up what the old one left, and sends nothing twice that was confirmed', async () => {
    await using w = await alertingWorld();
    w.raise({ key: 'a' });
    await w.later(0);
    w.answers.set('pager', () => DOWN);
    w.raise({ key: 'b' });
    await w.later(0);
    w.answers.delete('pager');
    const next = w.open();
    await w.later(MINUTE, next);
    assert.deepEqual(
      w.sent.map(({ message }) => message.id),
      ['gateway:1:pager:alert', 'gateway:2:pager:alert'],
    );
    await next.stop();
  });

  test('a message that a durable queue holds is not given to it again, whenever the process ended', async () => {
    await using w = await alertingWorld();
    w.answers.set('pager', () => ({ status: 'handed' }));
    w.raise();
    await w.later(0);
    // As if the process had ended before it wrote down that the queue has it.
    await w.db.updateTable('alert_deliveries').set({ status: 'pending', not_before: 0 }).execute();
    w.ended.set('gateway:1:pager:alert:1', { status: 'handed' });
    await w.later(MINUTE, w.open());
    assert.equal(w.sent.length, 1);
    w.ended.set('gateway:1:pager:alert:1', { status: 'sent' });
    await w.later(MINUTE);
    assert.equal((await w.alerting.show('gateway:1')).deliveries[0]?.status, 'sent');
    assert.equal(w.sent.length, 1);
  });

  test('alerts.undelivered: a destination that takes nothing for ten minutes is told to the others, not to itself', async () => {
    const both = { type: 'webhook', severities: ['high'], drills: false } as const;
    await using w = await alertingWorld({
      destinations: [
        { ...both, name: 'pager' },
        { ...both, name: 'other' },
      ],
    });
    w.answers.set('pager', () => DOWN);
    w.raise();
    await w.later(0);
    await w.later(UNDELIVERED_MS - 1);
    assert.equal(w.titles('other').length, 1);
    await w.later(UNDELIVERED_MS);
    await w.later(0);
    assert.match(w.titles('other').at(-1) ?? '', /pager has not taken alerts/);
    const waiting = await w.db
      .selectFrom('alert_deliveries')
      .selectAll()
      .where('status', '=', 'pending')
      .execute();
    assert.equal(waiting.length, 1);
  });

  test('after a day a message is given up, and the state says so', async () => {
    await using w = await alertingWorld();
    w.answers.set('pager', () => DOWN);
    w.raise();
    await w.later(0);
    await w.later(GIVE_UP_MS);
    const { deliveries } = await w.alerting.show('gateway:1');
    assert.equal(deliveries[0]?.status, 'failed');
    assert.equal((await w.alerting.destinations())[0]?.failed, 1);
  });

  test('a clock that is set back keeps nothing waiting for ever', async () => {
    await using w = await alertingWorld();
    w.answers.set('pager', () => DOWN);
    w.raise();
    await w.later(0);
    w.answers.delete('pager');
    await w.later(-365 * 86_400_000);
    assert.equal(w.sent.length, 1);
    w.raise();
    await w.later(0);
    assert.equal(w.sent.length, 2, 'the same alert is told: nobody knows how long ago the last one was');
  });

  test('what waits for a destination that is no longer configured is given up', async () => {
    await using w = await alertingWorld();
    w.answers.set('pager', () => DOWN);
    w.raise();
    await w.later(0);
    w.set({ destinations: [{ name: 'new', type: 'mail', severities: ['high'], drills: false }] });
    await w.later(MINUTE);
    assert.match((await w.alerting.show('gateway:1')).deliveries[0]?.reason ?? '', /no longer configured/);
  });
});

describe('floods and silence', () => {
  test('alerting/a flood of warnings to hide a critical alert: refused; the rest comes as one digest', async () => {
    await using w = await alertingWorld({ perHour: 30 });
    for (let n = 0; n < 100; n += 1) w.raise({ key: `noise ${n}`, severity: 'warning' });
    await w.later(0);
    assert.equal(w.sent.length, 30);
    w.raise({ rule: 'honeytoken.used', key: 'x', severity: 'critical', title: 'somebody is in' });
    await w.later(0);
    assert.match(w.titles().at(-1) ?? '', /critical: somebody is in/);
    await w.later(DIGEST_MS);
    const digest = w.sent.at(-1)?.message;
    assert.equal(digest?.kind, 'digest');
    assert.match(digest?.text ?? '', /70 x auth\.spike/);
    assert.equal(w.sent.length, 32);
    await w.later(DIGEST_MS);
    assert.equal(w.sent.length, 32);
  });

  test('exactly as many messages as an hour may have are sent, and one more is held', async () => {
    await using w = await alertingWorld({ perHour: 2 });
    for (const key of ['a', 'b']) w.raise({ key });
    await w.later(0);
    assert.equal((await w.alerting.destinations())[0]?.held, 0);
    w.raise({ key: 'c' });
    await w.later(0);
    assert.equal(w.sent.length, 2);
    assert.equal((await w.alerting.destinations())[0]?.held, 1);
  });

  test('alerts.silenced: silencing a rule is told to everybody, and its alerts are recorded as silenced', async () => {
    await using w = await alertingWorld();
    const until = w.now() + 10 * MINUTE;
    const made = { rule: 'auth.spike', by: 'mallory', ticket: 'X-1', reason: 'noise', until };
    await w.alerting.silence(made);
    w.raise();
    await w.later(0);
    assert.match(w.titles()[0] ?? '', /mallory silenced auth\.spike/);
    assert.equal(w.sent.length, 1);
    assert.equal((await w.alerting.show('gateway:2')).state, 'silenced');
    w.raise();
    await w.later(10 * MINUTE);
    assert.equal(w.sent.length, 2);
    assert.deepEqual(await w.alerting.silences(), []);
    await assert.rejects(w.alerting.unsilence(1, 'bob'), { code: 'ALERTING_UNKNOWN' });
  });
});

describe('escalation and signs of life', () => {
  test('what nobody takes goes to the next one, once, and says that nobody has acknowledged it', async () => {
    const both = { type: 'webhook', drills: false } as const;
    await using w = await alertingWorld({
      escalation: { afterMs: 15 * MINUTE, to: ['boss'], severities: ['critical'] },
      destinations: [
        { ...both, name: 'pager', severities: ['critical', 'high'] },
        { ...both, name: 'boss', severities: [] },
      ],
    });
    w.raise({ key: 'a', severity: 'critical' });
    w.raise({ key: 'b', severity: 'critical' });
    w.raise({ key: 'c', severity: 'high' });
    await w.later(0);
    await w.alerting.acknowledge('gateway:2', 'alice', '');
    await w.later(15 * MINUTE - 1);
    assert.deepEqual(w.titles('boss'), []);
    await w.later(1);
    assert.equal(w.titles('boss').length, 1);
    assert.match(w.titles('boss')[0] ?? '', /nobody has acknowledged this/);
    assert.equal(w.sent.at(-1)?.message.body['id'], 'gateway:1');
    await w.later(15 * MINUTE);
    assert.equal(w.titles('boss').length, 1);
  });

  test('a sign of life goes out every so often and says how many alerts nobody has taken', async () => {
    await using w = await alertingWorld({ heartbeat: { everyMs: 5 * MINUTE, to: ['pager'] } });
    w.raise();
    await w.later(0);
    const beats = () => w.sent.filter(({ message }) => message.kind === 'heartbeat');
    assert.equal(beats().length, 1);
    await w.later(5 * MINUTE - 1);
    assert.equal(beats().length, 1);
    await w.later(1);
    assert.equal(beats().length, 2);
    assert.match(beats().at(-1)?.message.text ?? '', /1 alerts are not acknowledged/);
  });

  test('without destinations nothing is read, written or waited for', async () => {
    await using w = await alertingWorld({ destinations: [] });
    w.raise();
    await w.later(MINUTE);
    assert.deepEqual(await w.db.selectFrom('alert_handled').selectAll().execute(), []);
    assert.equal((await w.alerting.show('gateway:1')).state, 'new');
    await assert.rejects(w.alerting.test([], 'alice'), { code: 'ALERTING_NO_DESTINATION' });
  });
});

test('alerting/alerts without end to fill the store: refused; the newest stay', async () => {
  await using w = await alertingWorld();
  const rows = Array.from({ length: 500 }, (_, n) => n);
  for (let from = 0; from < MAX_KEPT + 1_000; from += rows.length) {
    await w.db
      .insertInto('alert_handled')
      .values(
        rows.map((n) => ({ writer: 'egress', seq: from + n, group_key: 'k', state: 'told', at: w.now() })),
      )
      .execute();
  }
  await w.later(2 * 3_600_000);
  const { kept, first } = await w.db
    .selectFrom('alert_handled')
    .select(({ fn }) => [fn.countAll<number>().as('kept'), fn.min('seq').as('first')])
    .executeTakeFirstOrThrow();
  assert.deepEqual([Number(kept), Number(first)], [MAX_KEPT, 1_000]);
});
