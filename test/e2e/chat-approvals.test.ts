import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Chat, codesIn, startHook } from '../fixtures/chats.ts';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { startTelegram, type TelegramServer } from '../fixtures/telegram-bot-api.ts';

const TOKEN = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const HOOK_KEY = Buffer.from('the channel of whoever is on call').toString('base64');
const env = { OPENAI_API_KEY: 'sk-chats', BOT_TOKEN: TOKEN, HOOK_SECRET: `whsec_${HOOK_KEY}` };
const [ALICE, BOB, MALLORY] = [1001, 1002, 3003];
const PLAYBOOK = readFileSync(new URL('../../playbooks/default.yaml', import.meta.url), 'utf8')
  .replace('playbook: default', 'playbook: asking')
  .replace('inheritNetworkPolicy: true', 'inheritNetworkPolicy: true\naskForEgress: true');

interface Pending {
  readonly id: string;
  readonly title: string;
}

let model: HostileModel;
let telegram: TelegramServer;
let hook: Awaited<ReturnType<typeof startHook>>;
let gateway: TestGateway;
let home: string;
let alice: Chat;
let bob: Chat;
let mallory: Chat;
let words = 0;

function config() {
  const base = configFor(model) as { agents: { defaults: object } };
  const bot = { botToken: '${BOT_TOKEN}', apiRoot: telegram.url };
  const people = [ALICE, BOB, MALLORY].map(String);
  const oncall = { secret: '${HOOK_SECRET}', allowFrom: ['oncall'], callbackUrl: hook.url };
  return {
    ...base,
    agents: { ...base.agents, list: [{ id: 'main', playbook: 'asking' }] },
    channels: {
      telegram: { ...bot, allowFrom: people, groupAllowFrom: people, groups: { '-500': {} } },
      webhook: { accounts: { oncall } },
    },
    gateway: { listeners: { webhooks: { port: 0 } } },
  };
}

const shell = (command: string) => ({ tool: 'shell', args: { command } });

async function ok(operation: string, input: object = {}): Promise<Readonly<Record<string, unknown>>> {
  const answer = await operate(home, operation, input);
  assert.ok(answer.ok, `${operation}: ${answer.error?.message}`);
  return answer.result;
}

const waiting = async () => (await ok('approvals.list'))['approvals'] as readonly Pending[];

/** A turn of the operator whose model wants these, once they wait for a person. */
async function asked(...steps: readonly (readonly object[])[]) {
  const word = `turn${(words += 1)}`;
  const calls = steps.map((step) => ({ calls: step as never }));
  model.script(word, [...calls, { say: 'over' }]);
  const before = (await waiting()).length;
  const turn = operate(home, 'agent.run', { message: word, sessionKey: word });
  await until(async () => (await waiting()).length > before, 'nothing was asked');
  return { word, turn };
}

const workspace = (name: string) => join(home, 'workspaces', 'main', name);
const refusals = async (code: string) => (await records(home, { action: 'approval.refused', code })).length;

async function bind(name: string, chat: string): Promise<void> {
  const person = { name, owner: name, scopes: ['operator.approvals'], agents: ['main'] };
  if (!(await operate(home, 'principal.show', { principal: name })).ok) await ok('principal.add', person);
  await ok('principal.bind', { principal: name, chat });
}

async function settings(approvals: object): Promise<void> {
  await ok('config.set', { path: 'approvals', value: approvals });
}

before(async () => {
  [model, telegram, hook] = [
    await startHostileModel(),
    await startTelegram(TOKEN),
    await startHook(HOOK_KEY),
  ];
  home = temporaryHome();
  gateway = await startGateway({ home, config: config(), env, playbooks: { asking: PLAYBOOK } });
  await bind('alice', `telegram/${ALICE}`);
  alice = new Chat(telegram, ALICE);
  bob = new Chat(telegram, BOB);
  mallory = new Chat(telegram, MALLORY);
});

after(async () => {
  await gateway?.stop();
  for (const part of [model, telegram, hook]) await part?.[Symbol.asyncDispose]();
  await removeHome(home);
});

describe('an approval in a chat', () => {
  test('is shown in full to the approver alone, is answered there, and the command runs once', async () => {
    const { word, turn } = await asked([shell('touch once-\u202Etxt.exe && echo "\u200Bhi" >> counted')]);
    const question = await alice.next(/Approval needed/);
    assert.match(question, /⟨U\+202E⟩/);
    assert.match(question, /⟨U\+200B⟩/);
    assert.match(question, /^\| touch/m);
    assert.doesNotMatch(question, /[\u202E\u200B]/);
    assert.match(question, /Started by: local/);
    const [code = ''] = codesIn(question);
    const update = alice.write(`/approve_${code}`);
    await turn;
    assert.match(await alice.next(/^Allowed/), /touch/);
    assert.equal(readFileSync(workspace('counted'), 'utf8').split('\n').length, 2);
    assert.match(model.toolResults(word)[0] ?? '', /^(?!.*Refused)/);
    const [answer] = (await records(home, { action: 'approval.resolved' })).slice(-1);
    assert.deepEqual(
      [answer?.subject?.['principal'], answer?.subject?.['channel'], answer?.subject?.['sender']],
      ['principal:alice', 'telegram', String(ALICE)],
    );
    telegram.repeat(update);
    alice.write(`/approve ${code}`);
    assert.match(await alice.next(/Not done/), /CHANNEL_CODE_USED/);
    assert.equal(await refusals('CHANNEL_CODE_USED'), 1);
    assert.equal(readFileSync(workspace('counted'), 'utf8').split('\n').length, 2);
    assert.deepEqual([bob.all, mallory.all], [[], []]);
    const stored = JSON.stringify(await records(home, { limit: 500 }));
    assert.equal(stored.includes(code), false, 'no record holds a code');
  });

  test('approvals/the code of somebody else, by a member, a stranger, another approver, or in a group: refused', async () => {
    await bind('bob', `telegram/${BOB}`);
    const { turn } = await asked([shell('touch stolen')]);
    const [code = ''] = codesIn(await alice.next(/touch stolen/));
    const [own = ''] = codesIn(await bob.next(/touch stolen/));
    assert.notEqual(code, own);
    mallory.write(`/approve ${code}`);
    assert.match(await mallory.next(/Not done/), /CHANNEL_APPROVER_UNKNOWN/);
    const stranger = new Chat(telegram, 4004);
    stranger.write(`/approve_${code}`);
    await stranger.next(/Pairing code/);
    bob.write(`/approve ${code}`);
    assert.match(await bob.next(/Not done/), /CHANNEL_CODE_UNKNOWN/);
    const group = new Chat(telegram, -500);
    const mention = [{ type: 'mention', offset: 0, length: 9 }];
    telegram.write(ALICE, `/approve@gate_bot ${code}`, {
      chat: { id: -500, type: 'supergroup' },
      entities: [{ type: 'bot_command', offset: 0, length: 17 }, ...mention],
    });
    assert.match(await group.next(/Not done/), /CHANNEL_APPROVAL_NOT_DIRECT/);
    assert.equal((await waiting()).length, 1);
    assert.equal(existsSync(workspace('stolen')), false);
    for (const refusal of ['CHANNEL_APPROVER_UNKNOWN', 'CHANNEL_CODE_UNKNOWN', 'CHANNEL_APPROVAL_NOT_DIRECT'])
      assert.ok((await refusals(refusal)) > 0, refusal);
    assert.equal(model.calls('/approve'), 0);
    assert.ok([...mallory.all, ...group.all, ...stranger.all].every((text) => !text.includes('stolen')));
    alice.write(`/deny_${code}`);
    await turn;
    await alice.next(/^Refused: .*touch stolen/);
    assert.match(await bob.next(/No answer is needed/), /denied by principal:alice/);
    bob.write(`/approve_${own}`);
    assert.match(await bob.next(/Not done/), /CHANNEL_CODE_USED/);
    assert.equal(existsSync(workspace('stolen')), false);
  });

  test('of what a plan asks for together is one message, answered one by one or at once', async () => {
    const { turn } = await asked([shell('touch b1'), shell('touch b2'), shell('touch b3')]);
    const question = await alice.next(/3 actions that were asked for together/);
    const [first = '', , , all = ''] = codesIn(question);
    alice.write(`/deny_${first}`);
    await alice.next(/^Refused: .*touch b1/);
    alice.write(`/approve_${all}`);
    assert.match(await alice.next(/^Allowed/), /touch b2[^]*touch b3/);
    await turn;
    assert.deepEqual(
      ['b1', 'b2', 'b3'].map((name) => existsSync(workspace(name))),
      [false, true, true],
    );
  });

  test('does not wait behind the turn of the same chat, and can be asked for again with new codes', async () => {
    model.script('myself', [{ calls: [shell('touch mine')] }, { say: 'it is done' }]);
    alice.write('myself please');
    const [old = ''] = codesIn(await alice.next(/touch mine/));
    alice.write('/approvals');
    const [code = ''] = codesIn(await alice.next(/touch mine/));
    await alice.next(/1 wait; they were asked again/);
    alice.write(`/approve_${old}`);
    assert.match(await alice.next(/Not done/), /CHANNEL_CODE_USED/);
    alice.write(`/approve ${code} 30m`);
    assert.match(await alice.next(/^Allowed/), /and the same until/);
    await alice.next(/it is done/);
    for (const text of ['/approve', '/approve 12345678', `/approve ${code} forever`, '/approvals now']) {
      alice.write(text);
      assert.match(await alice.next(/Not done/), /CHANNEL_APPROVAL_UNCLEAR/);
    }
  });

  test('goes out whole in as many messages as it takes, and one that was not shown whole allows nothing', async () => {
    const { turn } = await asked([shell(`touch long; : ${'x'.repeat(6_000)} end-of-it`)]);
    await alice.next(/^\(1 of 2\)/);
    const [code = ''] = codesIn(await alice.next(/^\(2 of 2\)/));
    assert.ok(alice.all.slice(-2).join('').includes('end-of-it'));
    alice.write(`/deny_${code}`);
    await turn;
    await alice.next(/^Refused/);
    telegram.failNext(400, { ok: false, error_code: 400, description: 'Bad Request' }, ALICE);
    const other = await asked([shell(`touch half; : ${'y'.repeat(6_000)} end`)]);
    const [half = ''] = codesIn(await alice.next(/^\(2 of 2\)/));
    alice.write(`/approve_${half}`);
    assert.match(await alice.next(/Not done/), /CHANNEL_CODE_NOT_SHOWN/);
    assert.equal(existsSync(workspace('half')), false);
    alice.write(`/deny_${half}`);
    await other.turn;
  });
});

describe('who may answer in a chat', () => {
  test('approvals/one person where two must, with two codes and twice: refused until another one allows it', async () => {
    await settings({ people: 2 });
    const { turn } = await asked([shell('touch pair')]);
    const [first = ''] = codesIn(await alice.next(/touch pair/));
    const [second = ''] = codesIn(await bob.next(/touch pair/));
    alice.write(`/approve_${first}`);
    await alice.next(/Noted: .*touch pair.* 1 more must allow it/);
    alice.write('/approvals');
    await alice.next(/Nothing waits for you/);
    assert.equal(existsSync(workspace('pair')), false);
    bob.write(`/approve_${second}`);
    await bob.next(/^Allowed/);
    await turn;
    assert.equal(existsSync(workspace('pair')), true);
    await settings({});
  });

  test('approvals/whoever started the run, under its other name, where another person must answer: refused', async () => {
    await settings({ separateApprover: true });
    model.script('selfish', [{ calls: [shell('touch selfish')] }, { say: 'finished' }]);
    alice.write('selfish one');
    const [code = ''] = codesIn(await bob.next(/touch selfish/));
    alice.write('/approvals');
    await alice.next(/Nothing waits for you/);
    assert.ok(
      alice.all.every((text) => !text.includes('| touch selfish')),
      'she is not asked',
    );
    bob.write(`/approve_${code}`);
    await bob.next(/^Allowed/);
    await alice.next(/finished/);
    assert.equal(existsSync(workspace('selfish')), true);
    await settings({});
  });

  test('approvals/an approver whose binding was taken away, or who was blocked: refused, and asked no more', async () => {
    const { turn } = await asked([shell('touch gone')]);
    const [code = ''] = codesIn(await bob.next(/touch gone/));
    await ok('principal.unbind', { principal: 'bob', chat: `telegram/${BOB}` });
    bob.write(`/approve_${code}`);
    assert.match(await bob.next(/Not done/), /CHANNEL_APPROVER_UNKNOWN/);
    await bind('bob', `telegram/${BOB}`);
    bob.write('/approvals');
    const [again = ''] = codesIn(await bob.next(/touch gone/));
    await ok('senders.block', { channel: 'telegram', sender: String(BOB) });
    bob.write(`/approve_${again}`);
    await until(
      async () => (await records(home, { action: 'message.refused', code: 'SENDERS_DENIED' })).length > 0,
      'bob is let in',
    );
    const quiet = bob.all.length;
    const other = await asked([shell('touch unseen')]);
    const [mine = ''] = codesIn(await alice.next(/touch unseen/));
    alice.write(`/deny_${mine}`);
    await other.turn;
    assert.equal(bob.all.length, quiet);
    assert.equal((await waiting()).length, 1);
    assert.equal(existsSync(workspace('gone')), false);
    await ok('approvals.deny', { id: (await waiting())[0]?.id });
    await turn;
    await ok('senders.allow', { channel: 'telegram', sender: String(BOB) });
  });

  test('approvals/codes that are guessed: refused, and after five of them no code of that chat counts', async () => {
    const { turn } = await asked([shell('touch guessed')]);
    const [code = ''] = codesIn(await bob.next(/touch guessed/));
    for (const guess of ['AAAAAAAA', 'BBBBBBBB', 'CCCCCCCC', 'DDDDDDDD', 'EEEEEEEE']) {
      bob.write(`/approve ${guess}`);
      assert.match(await bob.next(/Not done/), /CHANNEL_CODE_UNKNOWN/);
    }
    bob.write(`/approve_${code}`);
    assert.match(await bob.next(/Not done/), /CHANNEL_CODE_USED/);
    const alerts = await records(home, { type: 'alert', action: 'approvals.guessing' });
    assert.equal(alerts.length, 1);
    assert.equal(existsSync(workspace('guessed')), false);
    await ok('approvals.deny', { id: (await waiting())[0]?.id });
    await turn;
  });

  test('approvals/binding a name, a channel that is not there, or a principal that has fixed addresses: refused', async () => {
    for (const [chat, code] of [
      ['telegram/alice', 'SENDERS_ID_INVALID'],
      ['signal/1', 'SENDERS_CHANNEL_UNKNOWN'],
      ['telegram/other/1', 'SENDERS_CHANNEL_UNKNOWN'],
      [`telegram/${ALICE}`, 'AUTH_IDENTITY_TAKEN'],
    ] as const) {
      const { error } = await operate(home, 'principal.bind', { principal: 'bob', chat });
      assert.equal(error?.code, code, chat);
    }
    const nobody = { principal: 'bob', chat: 'telegram/99' };
    assert.equal((await operate(home, 'principal.unbind', nobody)).error?.code, 'AUTH_IDENTITY_UNBOUND');
    await ok('principal.add', {
      name: 'fixed',
      owner: 'x',
      scopes: ['operator.approvals'],
      addresses: ['10.0.0.0/8'],
    });
    const { error } = await operate(home, 'principal.bind', {
      principal: 'fixed',
      chat: `telegram/${MALLORY}`,
    });
    assert.equal(error?.code, 'AUTH_PRINCIPAL_INVALID');
  });
});

describe('an approval over a signed webhook', () => {
  let target: string;

  before(async () => {
    const listeners = (await ok('inventory.listeners'))['listeners'] as {
      plane: string;
      address: string;
      port: number;
    }[];
    const port = listeners.find(
      ({ plane, address }) => plane === 'webhooks' && address === '127.0.0.1',
    )?.port;
    target = `http://127.0.0.1:${port}/webhooks/oncall`;
    await bind('pager', 'webhook/oncall/oncall');
  });

  test('is signed on its way out, answered by a signed delivery, and a forged or repeated one does nothing', async () => {
    const { turn } = await asked([shell('touch paged && echo x >> paged-count')]);
    await until(() => hook.got.some(({ text }) => text.includes('touch paged')), 'the program heard nothing');
    const question = hook.got.find(({ text }) => text.includes('touch paged'));
    assert.equal(question?.isSigned, true);
    const [code = ''] = codesIn(question?.text ?? '');
    const forged = await hook.write(
      target,
      'd1',
      `/approve_${code}`,
      'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    );
    assert.equal(forged.status, 401);
    assert.equal(existsSync(workspace('paged')), false);
    assert.equal((await hook.write(target, 'd2', `/approve_${code}`)).status, 202);
    await turn;
    assert.equal((await hook.write(target, 'd2', `/approve_${code}`)).status, 202);
    assert.equal((await hook.write(target, 'd3', `/approve_${code}`)).status, 202);
    await until(
      () => hook.got.some(({ text }) => text.includes('CHANNEL_CODE_USED')),
      'the replay was not refused',
    );
    assert.equal(readFileSync(workspace('paged-count'), 'utf8'), 'x\n');
    const [code2 = ''] = codesIn(await alice.next(/touch paged/));
    alice.write(`/approve_${code2}`);
    await alice.next(/CHANNEL_CODE_USED/);
    await ok('principal.unbind', { principal: 'pager', chat: 'webhook/oncall/oncall' });
  });
});

describe('a destination that an agent asks for', () => {
  test('waits among the approvals, is answered in a chat, and opens by a grant with owner and ticket', async () => {
    const fetch = { tool: 'web_fetch', args: { url: 'https://api.vendor.org/x' } };
    const { word, turn } = await asked([fetch]);
    await turn;
    assert.match(
      model.toolResults(word)[0] ?? '',
      /A person was asked to open it for this session \(approval /,
    );
    const [pending] = await waiting();
    assert.equal(pending?.title, 'connect to api.vendor.org:443');
    const question = await alice.next(/connect to api\.vendor\.org:443/);
    assert.match(question, /For one hour: \/approve_/);
    const [code = ''] = codesIn(question);
    alice.write(`/approve_${code}`);
    await alice.next(/^Allowed: connect to api\.vendor\.org:443/);
    const [grant] = (await ok('grant.list'))['grants'] as {
      ticket: string;
      owner: string;
      expiresAt: number;
    }[];
    assert.deepEqual([grant?.owner, grant?.ticket], ['principal:alice', `approval ${pending?.id}`]);
    model.script(word, [{ calls: [fetch] }, { say: 'over' }]);
    await ok('agent.run', { message: word, sessionKey: word });
    assert.match(
      model.toolResults(word)[0] ?? '',
      /EGRESS_DNS|EGRESS_NAME|resolve/i,
      'the rule lets it through',
    );
    const [applied] = await records(home, { action: 'grant.applied' });
    assert.equal(applied?.writer, 'egress');
  });

  test('egress/an answer to a question of another agent, by an approver who may not use it: refused', async () => {
    await ok('principal.add', {
      name: 'eve',
      owner: 'eve',
      scopes: ['operator.approvals'],
      agents: ['other'],
    });
    await ok('principal.bind', { principal: 'eve', chat: `telegram/${MALLORY}` });
    const { turn } = await asked([shell('touch foreign')]);
    const [code = ''] = codesIn(await alice.next(/touch foreign/));
    mallory.write('/approvals');
    await mallory.next(/Nothing waits for you/);
    assert.ok(mallory.all.every((text) => !text.includes('foreign')));
    alice.write(`/deny_${code}`);
    await turn;
    await ok('principal.unbind', { principal: 'eve', chat: `telegram/${MALLORY}` });
  });
});

describe('a gateway that is killed', () => {
  beforeEach(async () => {
    await settings({});
  });

  test('after it asked: the same question is not asked twice, and its code still counts once', async () => {
    const { turn } = await asked([shell('touch k-once && echo x >> killed-once')]);
    turn.catch(() => undefined);
    const [code = ''] = codesIn(await alice.next(/killed-once/));
    const sent = async () =>
      (await records(home, { action: 'message.sent' })).filter(
        ({ subject }) => subject?.['channel'] === 'telegram',
      );
    await until(async () => (await sent()).length >= telegram.sent.length - 1, 'the question is on its way');
    const before = alice.all.length;
    await gateway.kill();
    gateway = await startGateway({ home, config: config(), env, playbooks: { asking: PLAYBOOK } });
    alice.write(`/approve_${code}`);
    await alice.next(/^Allowed/);
    await until(() => existsSync(workspace('killed-once')), 'the turn did not go on');
    await until(async () => (await waiting()).length === 0, 'something waits');
    alice.write(`/approve_${code}`);
    await alice.next(/CHANNEL_CODE_USED/);
    assert.equal(readFileSync(workspace('killed-once'), 'utf8'), 'x\n');
    assert.equal(alice.all.filter((text) => text.includes('Approval needed')).length > 0, true);
    assert.equal(alice.all.slice(before).filter((text) => text.includes('Approval needed')).length, 0);
  });

  test('while its reply to an answer is on the way: the answer counted once', async () => {
    const { turn } = await asked([shell('touch k-twice && echo x >> killed-twice')]);
    turn.catch(() => undefined);
    const [code = ''] = codesIn(await alice.next(/killed-twice/));
    const hold = telegram.hold();
    alice.write(`/approve_${code}`);
    await hold.taken;
    await gateway.kill();
    hold.release();
    gateway = await startGateway({ home, config: config(), env, playbooks: { asking: PLAYBOOK } });
    alice.write('/approvals');
    await alice.next(/Nothing waits for you/);
    const resolved = await records(home, { action: 'approval.resolved' });
    const consumed = await records(home, { action: 'approval.consumed' });
    const id = resolved.at(-1)?.data?.['approval'];
    assert.equal(resolved.filter(({ data }) => data?.['approval'] === id).length, 1);
    assert.ok(consumed.filter(({ data }) => data?.['approval'] === id).length <= 1);
    // A command that had begun is not run again, so the kill may have come before it wrote anything.
    if (existsSync(workspace('killed-twice')))
      assert.equal(readFileSync(workspace('killed-twice'), 'utf8'), 'x\n');
  });
});
