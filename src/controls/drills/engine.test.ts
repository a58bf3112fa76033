import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotApplicable } from '../../kernel/index.ts';
import { drill, refused, world } from './testing/world.ts';

const order = { names: [], subject: { principal: 'olga' }, caller: undefined, scheduled: false };

test('a drill passes when it was refused, recorded and alerted, and says how long that took', async () => {
  const { engine, events } = world([drill('a.host', refused())]);
  const report = await engine.run(order);
  assert.equal(report.ok, true);
  const [result] = report.results;
  assert.equal(result?.status, 'passed');
  assert.deepEqual(result?.attempts[0]?.refusedBy, { code: 'A_REFUSED', rule: 'a/rule' });
  assert.equal(result?.attempts[0]?.event?.action, 'login.refused');
  assert.equal(result?.attempts[0]?.alert?.rule, 'auth.spike');
  assert.ok(result?.detectMs !== null && result?.recoverMs !== null);
  const actions = events.filter(({ type }) => type === 'drill').map(({ action }) => action);
  assert.deepEqual(actions, ['drill.started', 'drill.ran', 'drill.finished']);
});

for (const [what, how, problem] of [
  ['nothing refuses', { refusal: false }, /nothing refused it/],
  ['something else refuses', { code: 'OTHER_CODE' }, /refused with OTHER_CODE, expected A_REFUSED/],
  ['is refused without a record', { event: false }, /no login.refused record followed/],
  ['is refused without an alert', { alert: false }, /no auth.spike alert followed/],
  [
    'is refused, and somebody else is recorded and alerted',
    { elsewhere: true },
    /no login.refused record.*no auth.spike/,
  ],
  ['changes something though it is refused', { sideEffects: ['a file was written'] }, /a file was written/],
] as const) {
  test(`a drill that ${what} fails, and an alert says so`, async () => {
    const { engine, alerts } = world([drill('a.host', refused(how))]);
    const report = await engine.run(order);
    assert.equal(report.ok, false);
    assert.equal(report.results[0]?.status, 'failed');
    assert.match(report.results[0]?.why ?? '', problem);
    const raised = alerts.find(({ rule }) => rule === 'drill.failed');
    assert.equal(raised?.key, 'a.host');
    assert.equal(raised?.drill, undefined, 'a failed drill is no drill alert: somebody must look');
  });
}

test('alerts that a drill provoked are labelled with its run, others are not', async () => {
  const { engine, labelOf } = world([drill('a.host', refused())]);
  const report = await engine.run(order);
  assert.deepEqual(labelOf('auth.spike'), [report.run]);
});

test('drills/a client that writes the address of a drill into its user agent is taken for one: refused', async () => {
  const { engine, labelOf } = world([
    drill('a.host', async (range) => {
      const attempts = await refused()(range);
      const userAgent = `${attempts[0]?.mark.address} ${attempts[0]?.mark.id}`;
      const data = { address: '127.0.0.1', userAgent };
      range.append({ type: 'login', action: 'login.refused', outcome: 'failure', code: 'A_REFUSED', data });
      range.raise({
        rule: 'auth.spike',
        code: 'X',
        severity: 'high',
        title: '20 from loopback',
        fix: 'look',
        data,
      });
      return attempts;
    }),
  ]);
  const report = await engine.run(order);
  assert.deepEqual(labelOf('auth.spike'), [report.run, undefined]);
});

test('a drill that cannot run says why, and alone it proves nothing', async () => {
  const { engine } = world([drill('a.host', () => Promise.reject(new NotApplicable('no such listener')))]);
  const report = await engine.run(order);
  assert.equal(report.results[0]?.status, 'not-applicable');
  assert.equal(report.results[0]?.why, 'no such listener');
  assert.equal(report.ok, false);
});

test('a drill that tries nothing fails', async () => {
  const { engine } = world([drill('a.host', async () => [])]);
  assert.match((await engine.run(order)).results[0]?.why ?? '', /tried nothing/);
});

test('what a drill made goes away, last first, also when it fails half-way', async () => {
  const { engine, removed, stored } = world([
    drill('a.host', async (range) => {
      await range.make('one');
      await range.make('two');
      throw new Error('half-way');
    }),
  ]);
  const report = await engine.run(order);
  assert.equal(report.results[0]?.status, 'failed');
  assert.deepEqual(removed, ['two', 'one']);
  assert.deepEqual(stored, []);
});

test('what cannot be removed fails the drill and is tried again by the next run', async () => {
  const w = world([drill('a.host', async (range) => (await range.make('stuck'), refused()(range)))]);
  w.stick('stuck');
  const first = await w.engine.run(order);
  assert.match(first.results[0]?.why ?? '', /thing stuck could not be removed/);
  assert.equal(w.stored.length, 1);
  w.stick(undefined);
  await w.engine.cleanUp();
  assert.deepEqual(w.stored, []);
  const cleaned = w.events.find(({ action }) => action === 'drill.cleaned-up');
  assert.deepEqual(cleaned?.data?.['problems'], []);
});

test('lent addresses are given back, and are never 127.0.0.1', async () => {
  const { engine, lent, everLent } = world([drill('a.host', refused())]);
  await engine.run(order);
  assert.equal(lent.size, 0);
  assert.match([...everLent][0] ?? '', /^127\.(1\d\d|2[0-4]\d)\.(1\d\d|2[0-4]\d)\.(1\d\d|2[0-4]\d)$/);
});

test('a drill after which honest callers are not served fails', async () => {
  const w = world([drill('a.host', refused())]);
  w.breakHealth();
  assert.match((await w.engine.run(order)).results[0]?.why ?? '', /honest request was not answered/);
});

test('drills/two runs at once: refused', async () => {
  const gate = Promise.withResolvers<void>();
  const { engine } = world([drill('a.host', async (range) => (await gate.promise, refused()(range)))]);
  const first = engine.run(order);
  await assert.rejects(engine.run(order), { code: 'DRILL_BUSY' });
  gate.resolve();
  assert.equal((await first).ok, true);
});

test('drills/a name that no drill has: refused, with the controls that have some', async () => {
  const { engine } = world([drill('a.host', refused()), drill('b.other', refused())]);
  await assert.rejects(engine.run({ ...order, names: ['c'] }), { code: 'DRILL_UNKNOWN', message: /a, b/ });
  const report = await engine.run({ ...order, names: ['b'] });
  assert.deepEqual(
    report.results.map(({ drill: id }) => id),
    ['b.other'],
  );
});
