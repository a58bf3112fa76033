import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness, RULES } from '../testing/harness.ts';
import { createRehearsalProvider } from './rehearsal.ts';
import { MAX_SCRIPT_BYTES, parseRehearsalScript } from './rehearsal-script.ts';

test('the first message shows one real command in the real sandbox, and says that no model answers', async () => {
  await using h = await harness({ providers: [createRehearsalProvider()] });
  const outcome = await h.say('hello');
  assert.equal(outcome.status, 'ok');
  assert.match(
    outcome.status === 'ok' ? outcome.text : '',
    /^\[rehearsal\] no model is configured.*Linux \d/su,
  );
  assert.deepEqual(
    h.runs.map((run) => run.argv.at(-1)),
    ['uname -sr'],
  );
  assert.ok(h.events.filter((event) => event.type === 'text').length > 3);
});

test('a line of the message asks for a tool, and an approval where the playbook says so', async () => {
  await using h = await harness({ providers: [createRehearsalProvider()] });
  const handle = await h.start('please\nrun: touch it');
  const asked = await h.next('tool.approval');
  assert.equal(asked.commandText, 'touch it');
  await h.approvals.resolve(asked.approvalId, 'deny', { principal: 'operator' });
  const outcome = await handle.done;
  assert.match(outcome.status === 'ok' ? outcome.text : '', /shell was refused or failed/);
  await h.say('write: notes.txt hello there');
  const outcomeOfRead = await h.say('read: notes.txt');
  assert.match(outcomeOfRead.status === 'ok' ? outcomeOfRead.text : '', /hello there/);
  const fetched = await h.say('fetch: https://evil.example/');
  assert.match(fetched.status === 'ok' ? fetched.text : '', /EGRESS_HOST_NOT_ALLOWED/);
});

test('an agent without a shell gets an answer all the same', async () => {
  const rules = RULES.filter((rule) => rule.kind !== 'tool.call');
  await using h = await harness({ providers: [createRehearsalProvider()], rules });
  const outcome = await h.say('run: id');
  assert.match(outcome.status === 'ok' ? outcome.text : '', /does not give me the tool shell/);
});

test('a script is played step by step, with its failures', async () => {
  const script = await parseRehearsalScript(`
- toolCalls: [{ name: shell, arguments: { command: echo seen } }]
- error: MODEL_OVERLOADED
  times: 2
  text: 'It said {{last}}'
  usage: { inputTokens: 3, outputTokens: 4 }
`);
  await using h = await harness({ providers: [createRehearsalProvider({ script })] });
  const outcome = await h.say('go');
  assert.match(outcome.status === 'ok' ? outcome.text : '', /\[rehearsal\].*It said seen/su);
  assert.equal(h.sleeps.length, 2);
  const ended = await h.say('more');
  assert.match(ended.status === 'ok' ? ended.text : '', /The script has ended/);
});

for (const [name, text] of [
  ['no list', 'text: hi'],
  ['an empty list', '[]'],
  ['an unknown key', '[{"txt": "hi"}]'],
  ['no YAML', '[{'],
  ['aliases', '- &a {text: hi}\n- *a'],
  ['too many bytes', `[{"text": "${'x'.repeat(MAX_SCRIPT_BYTES)}"}]`],
] as const) {
  test(`rehearsal/a script that is ${name}: refused`, async () => {
    await assert.rejects(parseRehearsalScript(text), { code: 'MODEL_SCRIPT_INVALID' });
  });
}
