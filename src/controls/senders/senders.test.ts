import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide } from '../../kernel/index.ts';
import { checkSenders } from './checks.ts';
import { senderId } from './ids.ts';
import { policyOf } from './policy.ts';
import { direct, inGroup, openGrant, START, senderWorld } from './testing/world.ts';
import type { DmPolicy } from './types.ts';

const HOUR = 3_600_000;
const PAIRING = { channels: { telegram: { dmPolicy: 'pairing' } } } as const;
const LISTED = { channels: { telegram: { dmPolicy: 'allowlist', allowFrom: ['tg:42'] } } } as const;
const GROUPS = {
  channels: {
    telegram: { groupAllowFrom: ['42'], groups: { '-100': {}, '-200': { requireMention: false } } },
  },
} as const;

async function codeOf(world: Awaited<ReturnType<typeof senderWorld>>, sender: string): Promise<string> {
  await world.senders.admit(direct(sender), 't');
  const found = (await world.senders.pendingPairings()).find((pending) => pending.sender === sender);
  assert.ok(found !== undefined);
  return found.code;
}

test('senders/an unknown sender under pairing: refused, told a code once, and let in when an operator approves', async () => {
  await using world = await senderWorld({ written: PAIRING });
  const first = await world.senders.admit(direct('7'), 't1');
  assert.equal(first.effect, 'pair');
  assert.equal(first.effect === 'pair' && first.code, 'SENDERS_PAIRING_REQUIRED');
  const [pending] = await world.senders.pendingPairings('telegram');
  assert.ok(pending !== undefined);
  assert.match(pending.code, /^[A-HJ-NP-Z2-9]{8}$/);
  assert.ok(first.effect === 'pair' && first.reply?.includes(pending.code));
  assert.equal(world.events.at(-1)?.code, 'SENDERS_PAIRING_REQUIRED');
  assert.equal(world.events.at(-1)?.action, 'message.refused');
  const again = await world.senders.admit(direct('7'), 't2');
  assert.deepEqual([again.effect, again.effect === 'pair' && again.reply], ['pair', null]);
  const record = await world.senders.approvePairing(pending.code.toLowerCase(), 'olga');
  assert.deepEqual([record.status, record.source, record.by], ['allowed', 'pairing', 'olga']);
  const admitted = await world.senders.admit(direct('7'), 't3');
  assert.equal(admitted.effect, 'admit');
  assert.equal(world.events.at(-1)?.action, 'message.admitted');
  assert.equal(world.events.at(-1)?.subject?.principal, 'sender:telegram:default:7');
});

test('senders/a pairing code used twice, after its hour, or made up: refused', async () => {
  await using world = await senderWorld({ written: PAIRING });
  const code = await codeOf(world, '7');
  await world.senders.approvePairing(code, 'olga');
  await assert.rejects(world.senders.approvePairing(code, 'olga'), { code: 'SENDERS_PAIRING_UNKNOWN' });
  const late = await codeOf(world, '8');
  world.advance(HOUR);
  await assert.rejects(world.senders.approvePairing(late, 'olga'), { code: 'SENDERS_PAIRING_UNKNOWN' });
  await assert.rejects(world.senders.approvePairing('AAAAAAAA', 'olga'), { code: 'SENDERS_PAIRING_UNKNOWN' });
  assert.equal((await world.senders.admit(direct('8'), 't')).effect, 'pair');
});

test('two approvals of one code at the same moment let the sender in once', async () => {
  await using world = await senderWorld({ written: PAIRING });
  const code = await codeOf(world, '7');
  const both = await Promise.allSettled([1, 2].map(() => world.senders.approvePairing(code, 'olga')));
  assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('senders/a fourth stranger while three wait: refused without a code, and an operator can allow it all the same', async () => {
  await using world = await senderWorld({ written: PAIRING });
  for (const sender of ['1', '2', '3']) await world.senders.admit(direct(sender), 't');
  const fourth = await world.senders.admit(direct('4'), 't');
  assert.deepEqual(
    [fourth.effect, fourth.effect === 'pair' && fourth.code, fourth.effect === 'pair' && fourth.reply],
    ['pair', 'SENDERS_PAIRING_FULL', null],
  );
  assert.equal((await world.senders.pendingPairings()).length, 3);
  await world.senders.allow({ channel: 'telegram', account: 'default', sender: 'tg:4' }, 'olga');
  assert.equal((await world.senders.admit(direct('4'), 't')).effect, 'admit');
});

test('strangers who write at the same moment do not get more than three codes together', async () => {
  await using world = await senderWorld({ written: PAIRING });
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => world.senders.admit(direct(`${index + 1}`), 't')),
  );
  assert.equal((await world.senders.pendingPairings()).length, 3);
});

test('senders/a sender that was turned down: refused in silence for a day', async () => {
  await using world = await senderWorld({ written: PAIRING });
  await world.senders.denyPairing(await codeOf(world, '7'), 'olga');
  world.advance(2 * HOUR);
  const again = await world.senders.admit(direct('7'), 't');
  assert.equal(again.effect === 'pair' && again.code, 'SENDERS_PAIRING_DENIED');
  assert.equal(again.effect === 'pair' && again.reply, null);
  world.advance(24 * HOUR);
  const later = await world.senders.admit(direct('7'), 't');
  assert.equal(later.effect === 'pair' && later.code, 'SENDERS_PAIRING_REQUIRED');
});

test('senders/a display name equal to an allowed id: refused', async () => {
  await using world = await senderWorld({ written: LISTED });
  const admission = await world.senders.admit(direct('7', { displayName: '42' }), 't');
  assert.equal(admission.effect, 'refuse');
  assert.equal(world.events.at(-1)?.code, 'SENDERS_NOT_ALLOWED');
  assert.equal((await world.senders.admit(direct('42'), 't')).effect, 'admit');
});

test('senders/an id that is no stable id of its platform: refused', async () => {
  await using world = await senderWorld({
    written: {
      channels: { telegram: { dmPolicy: 'allowlist', allowFrom: ['@bob', '４２', '042', '4,2', '42 '] } },
    },
  });
  for (const sender of ['@bob', '４２', '042', '4,2', '42 ', '', '-42', '4e1', '42\n']) {
    assert.equal((await world.senders.admit(direct(sender), 't')).effect, 'refuse', JSON.stringify(sender));
  }
});

test('senders/an empty allow-list: refused, for everybody', async () => {
  await using world = await senderWorld({
    written: { channels: { telegram: { dmPolicy: 'allowlist', allowFrom: [] } } },
  });
  assert.equal((await world.senders.admit(direct('42'), 't')).effect, 'refuse');
});

test('senders/a channel or an account that is not configured: refused', async () => {
  await using world = await senderWorld({ written: PAIRING });
  for (const facts of [
    direct('7', { channel: 'slack' }),
    direct('7', { account: 'other' }),
    direct('7', { channel: '__proto__' }),
  ]) {
    assert.equal((await world.senders.admit(facts, 't')).effect, 'refuse');
  }
});

test('senders/a blocked sender: refused whatever list names it, and what it started ends', async () => {
  await using world = await senderWorld({ written: LISTED });
  const ended: string[] = [];
  world.senders.onBlocked((principal) => ended.push(principal));
  assert.equal((await world.senders.admit(direct('42'), 't')).effect, 'admit');
  await world.senders.block({ channel: 'telegram', account: 'default', sender: '42' }, 'olga');
  assert.deepEqual(ended, ['sender:telegram:default:42']);
  const admission = await world.senders.admit(direct('42'), 't');
  assert.equal(admission.effect === 'refuse' && admission.code, 'SENDERS_DENIED');
  assert.equal(world.events.at(-1)?.rule, 'senders:telegram/default/blocked');
});

test('a block stands although the ledger cannot write; an admission does not', async () => {
  await using world = await senderWorld({ written: LISTED });
  world.breakLedger();
  await assert.rejects(world.senders.admit(direct('42'), 't'), { code: 'SENDERS_NOT_RECORDED' });
  await assert.rejects(
    world.senders.allow({ channel: 'telegram', account: 'default', sender: '9' }, 'olga'),
    { code: 'SENDERS_NOT_RECORDED' },
  );
  const record = await world.senders.block({ channel: 'telegram', account: 'default', sender: '42' }, 'olga');
  assert.equal(record.status, 'blocked');
  assert.deepEqual(
    (await world.senders.list()).map(({ sender, status }) => [sender, status]),
    [['42', 'blocked']],
  );
});

test('senders/a pairing that is approved for a blocked sender: refused', async () => {
  await using world = await senderWorld({ written: PAIRING });
  const code = await codeOf(world, '7');
  await world.senders.block({ channel: 'telegram', account: 'default', sender: '7' }, 'olga');
  await assert.rejects(world.senders.approvePairing(code, 'olga'), { code: 'SENDERS_PAIRING_UNKNOWN' });
});

test('whoever leaves the list in a reload is put out at once', async () => {
  await using world = await senderWorld({ written: LISTED });
  const ended: string[] = [];
  world.senders.onBlocked((principal) => ended.push(principal));
  await world.senders.admit(direct('42'), 't');
  await world.senders.reconsider();
  assert.deepEqual(ended, []);
  world.configure({ channels: { telegram: { dmPolicy: 'allowlist', allowFrom: ['43'] } } });
  await world.senders.reconsider();
  assert.deepEqual(ended, ['sender:telegram:default:42']);
});

test('a pairing counts under pairing and not under a list that was written since', async () => {
  await using world = await senderWorld({ written: PAIRING });
  await world.senders.approvePairing(await codeOf(world, '7'), 'olga');
  world.configure({ channels: { telegram: { dmPolicy: 'allowlist', allowFrom: ['42'] } } });
  assert.equal((await world.senders.admit(direct('7'), 't')).effect, 'refuse');
  await world.senders.allow({ channel: 'telegram', account: 'default', sender: '7' }, 'olga');
  assert.equal((await world.senders.admit(direct('7'), 't')).effect, 'admit');
});

test('senders/everybody while a grant says so, and nobody after it: refused', async () => {
  const written = { channels: { telegram: { dmPolicy: 'open' } } } as const;
  await using world = await senderWorld({ written, grants: [openGrant(START + HOUR)] });
  assert.equal((await world.senders.admit(direct('7'), 't')).effect, 'admit');
  world.advance(HOUR);
  const after = await world.senders.admit(direct('7'), 't');
  assert.equal(after.effect === 'refuse' && after.code, 'SENDERS_NOT_ALLOWED');
  await using without = await senderWorld({ written });
  assert.equal((await without.senders.admit(direct('7'), 't')).effect, 'refuse');
});

test('a grant opens nothing where the configuration does not say open', async () => {
  await using world = await senderWorld({ written: LISTED, grants: [openGrant(START + HOUR)] });
  assert.equal((await world.senders.admit(direct('7'), 't')).effect, 'refuse');
});

test('senders/in a group: only a listed member of a listed group who addresses the agent is answered', async () => {
  await using world = await senderWorld({ written: GROUPS });
  const effects = [];
  for (const facts of [
    inGroup('42', '-100', true),
    inGroup('42', '-100', false),
    inGroup('7', '-100', true),
    inGroup('42', '-200', false),
    inGroup('42', '-300', true),
    inGroup('7', '-300', true),
  ]) {
    effects.push((await world.senders.admit(facts, 't')).effect);
  }
  assert.deepEqual(effects, ['admit', 'context', 'context', 'admit', 'refuse', 'refuse']);
});

test('a group is one conversation, a direct message another, and no two senders share one', async () => {
  const written = { channels: { telegram: { allowFrom: ['1', '2'], groups: { '-100': {} } } } } as const;
  await using world = await senderWorld({ written });
  const places = [];
  for (const facts of [direct('1'), direct('2'), inGroup('1', '-100', true), inGroup('2', '-100', true)]) {
    const admission = await world.senders.admit(facts, 't');
    assert.equal(admission.effect, 'admit');
    places.push(admission.effect === 'admit' ? `${admission.space} ${admission.sessionKey}` : '');
  }
  assert.deepEqual(places, [
    'sender:telegram:1 agent:main:telegram:direct:1',
    'sender:telegram:2 agent:main:telegram:direct:2',
    'chat:telegram:-100 agent:main:telegram:group:-100',
    'chat:telegram:-100 agent:main:telegram:group:-100',
  ]);
});

test('a pairing lets nobody into a group', async () => {
  await using world = await senderWorld({
    written: { channels: { telegram: { dmPolicy: 'pairing', groups: { '-100': {} } } } },
  });
  await world.senders.approvePairing(await codeOf(world, '7'), 'olga');
  assert.equal((await world.senders.admit(inGroup('7', '-100', true), 't')).effect, 'context');
});

test('senders/operations and configuration by an admitted sender: refused', async () => {
  await using world = await senderWorld({ written: LISTED });
  const admission = await world.senders.admit(direct('42'), 't');
  assert.ok(admission.effect === 'admit');
  const subject = { principal: admission.principal };
  for (const action of [
    { kind: 'operation.call', operation: 'token.issue', scope: 'operator.admin' },
    { kind: 'operation.call', operation: 'sessions.list', scope: 'operator.read' },
    { kind: 'config.change', path: '/gateway' },
    { kind: 'agent.run', agent: 'other' },
  ] as const) {
    assert.equal(decide(admission.authority, subject, action, START).effect, 'deny', action.kind);
  }
});

test('senders/a crowd of strangers: refused, and counted instead of filling the ledger', async () => {
  await using world = await senderWorld({ written: LISTED });
  for (let i = 0; i < 500; i++) await world.senders.admit(direct(`${(i % 250) + 100}`), 't');
  assert.equal(world.events.length, 100);
  world.flush();
  const counted = world.events
    .slice(100)
    .reduce((sum, event) => sum + Number(event.data?.['repeats'] ?? 0), 0);
  assert.equal(100 + counted, 500);
});

test('senders/a name with hidden or direction-changing characters: shown without them', async () => {
  await using world = await senderWorld({ written: PAIRING });
  await world.senders.admit(direct('7', { displayName: `A\u202edmin\u200b\u0007${'x'.repeat(500)}` }), 't');
  const [pending] = await world.senders.pendingPairings();
  assert.equal(pending?.displayName, `Admin${'x'.repeat(95)}`);
});

test('bindings choose the agent: a peer before an account, an account before a channel', async () => {
  const bindings = [
    { agent: 'support', channel: 'telegram' },
    { agent: 'ops', channel: 'telegram', peer: { kind: 'direct', id: '42' } },
    { agent: 'sales', channel: 'telegram', account: 'shop' },
  ] as const;
  const written = {
    channels: { telegram: { allowFrom: ['42', '43'], accounts: { default: {}, shop: {} } } },
  };
  await using world = await senderWorld({ written, bindings });
  const agents = [];
  for (const facts of [direct('42'), direct('43'), direct('43', { account: 'shop' })]) {
    const admission = await world.senders.admit(facts, 't');
    agents.push(admission.effect === 'admit' ? admission.agent : admission.effect);
  }
  assert.deepEqual(agents, ['ops', 'support', 'sales']);
});

test('nobody is ever let in whom no list, no person and no running grant names', async () => {
  const policies = fc.constantFrom<DmPolicy>('pairing', 'allowlist', 'open', 'disabled');
  const ids = fc.integer({ min: 1, max: 6 }).map(String);
  await fc.assert(
    fc.asyncProperty(
      policies,
      fc.option(policies, { nil: undefined }),
      fc.array(ids),
      fc.array(ids),
      ids,
      fc.boolean(),
      fc.boolean(),
      async (dmPolicy, mode, allowFrom, allowIds, sender, granted, blocked) => {
        const written = {
          dmPolicy: { ...(mode === undefined ? {} : { mode }), allowIds },
          channels: { telegram: { dmPolicy, allowFrom } },
        };
        await using world = await senderWorld({ written, grants: granted ? [openGrant(START + 1)] : [] });
        if (blocked) await world.senders.block({ channel: 'telegram', account: 'default', sender }, 'x');
        const { effect } = await world.senders.admit(direct(sender), 't');
        const listed = [...allowFrom, ...allowIds].includes(sender);
        const all = [dmPolicy, mode];
        const opened = granted && all.every((policy) => policy === undefined || policy === 'open');
        if (effect === 'admit') {
          assert.ok((listed || opened) && !blocked && !all.includes('disabled'));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('the stricter of the channel and the whole install counts', () => {
  const modes: readonly DmPolicy[] = ['disabled', 'allowlist', 'pairing', 'open'];
  for (const [own, first] of modes.entries()) {
    for (const [global, second] of modes.entries()) {
      const written = { dmPolicy: { mode: second }, channels: { telegram: { dmPolicy: first } } };
      assert.equal(policyOf(written, 'telegram', 'default', [])?.dmPolicy, modes[Math.min(own, global)]);
    }
  }
  assert.equal(policyOf({ channels: { telegram: {} } }, 'telegram', 'default', [])?.dmPolicy, 'pairing');
});

test('ids are read with the prefix that operators write, and never as something else', () => {
  assert.equal(senderId('telegram', 'TG:42'), '42');
  assert.equal(senderId('telegram', 'telegram:42'), '42');
  assert.equal(senderId('telegram', 'slack:42'), undefined);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const id = senderId('telegram', text);
      assert.ok(id === undefined || /^[1-9][0-9]{0,18}$/.test(id));
    }),
  );
});

test('findings name what is open, unreachable, unmentioned and old', () => {
  const written = {
    channels: {
      telegram: {
        dmPolicy: 'open',
        groups: { '-1': { requireMention: false } },
        accounts: { default: {}, second: { dmPolicy: 'allowlist' } },
      },
    },
  } as const;
  const policies = ['default', 'second'].flatMap(
    (account) => policyOf(written, 'telegram', account, []) ?? [],
  );
  const stored = [
    {
      channel: 'telegram',
      account: 'default',
      sender: '1',
      displayName: '',
      status: 'allowed',
      source: 'pairing',
      by: 'o',
      at: 0,
    },
  ] as const;
  const ids = checkSenders({ policies, stored, now: START }).map(({ id, severity }) => `${id} ${severity}`);
  assert.deepEqual(ids.sort(), [
    'senders.no-mention warning',
    'senders.no-mention warning',
    'senders.nobody warning',
    'senders.old-pairing low',
    'senders.open critical',
  ]);
});

test('senders/a block of nobody, of an id that is none, and a yes to somebody who is blocked: refused with a code', async () => {
  await using world = await senderWorld({ written: PAIRING });
  const key = { channel: 'telegram', account: 'default', sender: '7' };
  await assert.rejects(world.senders.block({ ...key, channel: 'pigeon' }, 'olga'), {
    code: 'SENDERS_CHANNEL_UNKNOWN',
  });
  await assert.rejects(world.senders.block({ ...key, sender: '@ann' }, 'olga'), {
    code: 'SENDERS_ID_INVALID',
  });
  const code = await codeOf(world, '7');
  await world.senders.block(key, 'olga');
  await assert.rejects(world.senders.approvePairing(code, 'olga'), (error: { code: string }) =>
    ['SENDERS_BLOCKED', 'SENDERS_PAIRING_UNKNOWN'].includes(error.code),
  );
});
