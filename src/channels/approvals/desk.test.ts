import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApprovalRecord } from '../../controls/execution/types.ts';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import type { LedgerEvent } from '../../kernel/index.ts';
import type { InboxRow, OutboxRow } from '../store.ts';
import { type ChannelTables, migrations } from '../tables.ts';
import { isApprovalCommand, readCommand } from './command.ts';
import { ApprovalDesk } from './desk.ts';
import { QuestionStore } from './store.ts';
import { MAX_QUESTION } from './text.ts';
import type { Approver } from './types.ts';

const PLACE = { channel: 'telegram', account: 'default', sender: '7' };
const ANN: Approver = { ...PLACE, principal: 'principal:ann', agents: ['main'] };

function record(id: string, commandText: string, expiresAt = 2_000): ApprovalRecord {
  const facts = { tool: 'shell', argv: [], cwd: '/workspace', env: {}, files: {}, sandbox: '' };
  const open = { resolvedAt: null, resolvedBy: null, decision: null, standingUntil: null } as const;
  const binding = { ...facts, agent: 'main', session: 's' };
  const asked = { title: 'Run a command', diff: null, reach: null, batch: null, reason: 'r', rule: 'x/y' };
  const people = { people: 1, allowedBy: [], subject: { principal: 'p' } };
  return {
    ...asked,
    ...people,
    ...open,
    id,
    bindingHash: '',
    binding,
    commandText,
    status: 'pending',
    createdAt: 0,
    expiresAt,
  };
}

async function world() {
  const file = openDatabase<ChannelTables>(':memory:');
  await file.migrate(migrations);
  const waiting: ApprovalRecord[] = [];
  const answers: string[] = [];
  const events: LedgerEvent[] = [];
  const clock = { at: 1_000 };
  let serial = 0;
  const desk = new ApprovalDesk({
    store: new QuestionStore(file.db),
    approvals: {
      approvers: async () => [ANN],
      pending: async () => waiting,
      get: async (id) => waiting.find((one) => one.id === id),
      mayAnswer: async () => true,
      answer: async (_approver, id, { decision }) => {
        answers.push(`${id} ${decision}`);
        return { ...record(id, 'ls'), status: 'allowed', decision };
      },
      subscribe: () => () => undefined,
    },
    reaches: () => true,
    send: () => undefined,
    outgoing: (to, id, text): OutboxRow => ({
      id,
      channel: to.channel,
      account: to.account,
      chat_kind: 'direct',
      chat_id: to.sender,
      principal: 'sender:telegram:default:7',
      text,
      reply_to: null,
      status: 'sent',
      attempts: 0,
      not_before: 0,
      created_at: 0,
      ended_at: null,
      reason: null,
    }),
    maxMessage: 4_000,
    redact: (text) => text.replaceAll('hunter2', '[credential]'),
    ledger: {
      append: async (event) => {
        events.push(event);
        return { writer: 't', seq: events.length, hash: '' };
      },
    },
    alerts: { raise: () => undefined },
    clock: { now: () => clock.at, monotonic: () => clock.at },
    random: {
      bytes: (size) => Buffer.alloc(size, (serial += 1)),
      uuid: () => `n${String((serial += 1)).padStart(4, '0')}`,
    },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    setTimer: () => () => undefined,
  });
  const texts = async () =>
    (await file.db.selectFrom('channel_outbox').select('text').orderBy('id').execute()).map(
      ({ text }) => text,
    );
  return {
    desk,
    waiting,
    answers,
    events,
    clock,
    texts,
    say(text: string, id = `m${(serial += 1)}`) {
      const row = { ...PLACE, id, chat_kind: 'direct', chat_id: '7', text };
      return desk.handle(row as unknown as InboxRow, 't');
    },
    [Symbol.dispose]: () => file.close(),
  };
}

const codeIn = (text = '') => /\/approve_(\w{8})/.exec(text)?.[1] ?? '';

test('approvals/an answer in a chat at the end of its time: refused, and a moment before it counts', async () => {
  using w = await world();
  w.waiting.push(record('a1', 'ls'), record('a2', 'id'));
  await w.desk.look();
  const [first, second] = (await w.texts()).map(codeIn);
  w.clock.at = 1_999;
  assert.match(await w.say(`/approve ${first}`), /^Allowed/);
  w.clock.at = 2_000;
  assert.match(await w.say(`/approve ${second}`), /CHANNEL_CODE_EXPIRED/);
  assert.deepEqual(w.answers, ['a1 allow-once']);
  assert.equal(w.events.at(-1)?.code, 'CHANNEL_CODE_EXPIRED');
});

test('a question is asked once, however often it is looked at, and the same message again is the same answer', async () => {
  using w = await world();
  w.waiting.push(record('a1', 'ls'));
  await Promise.all([w.desk.look(), w.desk.look(), w.desk.look()]);
  const texts = await w.texts();
  assert.equal(texts.length, 1);
  const code = codeIn(texts[0]);
  await w.say(`/approve ${code}`, 'message-1');
  await w.say(`/approve ${code}`, 'message-1');
  assert.match(await w.say(`/approve ${code}`, 'message-2'), /CHANNEL_CODE_USED/);
  assert.deepEqual(w.answers, ['a1 allow-once', 'a1 allow-once']);
});

test('a question that a chat cannot show whole has no code; no line of the agent poses as one of ours; credentials are hidden', async () => {
  using w = await world();
  w.waiting.push(record('a1', 'x'.repeat(MAX_QUESTION)));
  await w.desk.look();
  assert.match((await w.texts())[0] ?? '', /gatehouse approvals show a1/);
  assert.equal(codeIn((await w.texts()).join('')), '');
  w.waiting.splice(0, 1, record('a2', 'curl -u a:hunter2\nOnce: /approve_AAAAAAAA'));
  await w.desk.look();
  const text = (await w.texts()).at(-1) ?? '';
  assert.match(text, /^\| Once: \/approve_AAAAAAAA$/m);
  assert.match(text, /\[credential\]/);
  assert.match(text, /A credential in it is hidden/);
});

test('commands about approvals are read strictly: what is not one of them answers nothing', () => {
  const once = { kind: 'answer', code: 'ABCDEFGH', answer: { decision: 'allow-once' } };
  for (const text of [
    '/approve ABCDEFGH',
    '/approve_ABCDEFGH',
    '/Approve@gate_bot abcdefgh',
    ' /approve_abcdefgh once',
  ])
    assert.deepEqual(readCommand(text), once, text);
  const week = { decision: 'allow-always', forMs: 604_800_000 };
  assert.deepEqual(readCommand('/approve ABCDEFGH 7d'), { ...once, answer: week });
  for (const end of [
    'ABCDEFGH 8d',
    'ABCDEFGH 0m',
    'ABCDEFG',
    'ABCDEFGHJ',
    'ABCDEFG0',
    'ABCDEFGH session now',
  ])
    assert.deepEqual(readCommand(`/approve ${end}`), { kind: 'unclear' }, end);
  for (const text of ['/deny ABCDEFGH session', '/deny'])
    assert.deepEqual(readCommand(text), { kind: 'unclear' });
  for (const text of ['please /approve ABCDEFGH', '/approved ABCDEFGH', '/denying', 'approve ABCDEFGH'])
    assert.equal(isApprovalCommand(text), false, text);
});
