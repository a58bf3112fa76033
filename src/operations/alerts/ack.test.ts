import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ADMIN, BOB, call, failure, person, type World, world } from '../testing/world.ts';

/** An install with one alert, about what somebody did. */
function withAlert(about: string): { readonly where: World; readonly taken: string[] } {
  const where = world();
  const taken: string[] = [];
  const details = {
    alert: {
      writer: 'gateway',
      seq: 7,
      at: 1,
      rule: 'secrets.misuse',
      code: 'SECRETS_MISUSE',
      severity: 'critical',
      title: 'a secret was sent elsewhere',
      fix: 'Look.',
      repeats: 0,
      subject: { principal: about },
    },
    state: 'acknowledged',
    acknowledged: null,
    count: 1,
    deliveries: [],
    message: '',
  };
  const alerting = {
    show: async () => details,
    acknowledge: async (_id: string, by: string) => {
      taken.push(by);
      return details;
    },
    test: async () => {
      taken.push('test');
      return [];
    },
  };
  return { where: { ...where, services: { ...where.services, alerting } } as unknown as World, taken };
}

const ID = { id: 'gateway:7' };

describe('who may make an alert quiet', () => {
  test('alerting/somebody who may only use agents acknowledges an alert or uses up its messages: refused', async () => {
    const { where, taken } = withAlert('carol');
    for (const [operation, input] of [
      ['alerts.ack', ID],
      ['alerts.test', {}],
    ] as const) {
      assert.equal((await failure(call(where, operation, BOB, input))).code, 'AUTH_SCOPE_MISSING');
    }
    assert.deepEqual(taken, []);
    assert.ok(where.events.some((event) => event.code === 'AUTH_SCOPE_MISSING'));
  });

  test('alerting/an approver acknowledges an alert about what the approver did: refused', async () => {
    const eve = person('eve', ['operator.read', 'operator.approvals']);
    const { where, taken } = withAlert(eve.subject.principal);
    assert.equal((await failure(call(where, 'alerts.ack', eve, ID))).code, 'ALERTING_OWN');
    assert.deepEqual(taken, []);
    assert.ok(where.events.some((event) => event.code === 'ALERTING_OWN'));
    const another = person('ann', ['operator.read', 'operator.approvals']);
    await call(where, 'alerts.ack', another, ID);
    assert.deepEqual(taken, ['ann']);
  });

  test('an administrator, who may be alone, takes any alert', async () => {
    const { where, taken } = withAlert(ADMIN.subject.principal);
    await call(where, 'alerts.ack', ADMIN, ID);
    assert.deepEqual(taken, ['root']);
  });
});
