import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { authorityOf } from '../../kernel/index.ts';
import { type Harness, harness, RULES } from '../testing/harness.ts';
import { asks, fakeModel } from '../testing/model.ts';

/** What the model was told about its last call. */
function told(h: Harness): { readonly text: string; readonly isError: boolean } {
  const event = h.events.findLast((item) => item.type === 'tool.finished');
  assert.ok(event?.type === 'tool.finished');
  return event;
}

function decisions(h: Harness): readonly (string | undefined)[] {
  return h.ledger.of('tool.call').map((event) => `${event.outcome} ${event.code}`);
}

for (const command of [
  'rm -rf /workspace',
  'curl https://example.org',
  'echo a; rm b',
  'xargs rm',
  '/workspace/echo hi',
]) {
  test(`execution/a command outside the playbook (${command}): refused`, async () => {
    await using h = await harness({ providers: [fakeModel('fake', asks('shell', { command }))] });
    assert.equal((await h.say('do it')).status, 'ok');
    assert.match(told(h).text, /^Refused: EXEC_COMMAND_NOT_ALLOWED by rule playbook:test\/\(none\)/);
    assert.deepEqual(decisions(h), ['deny EXEC_COMMAND_NOT_ALLOWED']);
    assert.equal(h.runs.length, 0);
    assert.equal(h.ledger.of('tool.started').length, 0);
  });
}

test('execution/a substitution behind an allowed command: refused without a person', async () => {
  const model = fakeModel('fake', asks('shell', { command: 'echo $(cat /etc/passwd)' }));
  await using h = await harness({ providers: [model] });
  const handle = await h.start('do it');
  const asked = await h.next('tool.approval');
  assert.equal(h.runs.length, 0);
  await h.approvals.resolve(asked.approvalId, 'deny', { principal: 'operator' });
  await handle.done;
  assert.match(told(h).text, /TOOL_APPROVAL_DENIED/);
  assert.equal(h.runs.length, 0);
});

for (const [tool, args] of [
  ['read', { path: '/etc/shadow' }],
  ['read', { path: '../../etc/shadow' }],
  ['read', { path: '/workspace/../proc/self/environ' }],
  ['read', { path: 'private/key' }],
  ['list', { path: '/' }],
  ['search', { pattern: 'root', path: '/etc' }],
] as const) {
  test(`files/${tool} of ${args.path}: refused`, async () => {
    await using h = await harness({ providers: [fakeModel('fake', asks(tool, args))] });
    await h.say('look');
    assert.match(told(h).text, /FILE_READ_(NOT_ALLOWED|DENIED)/);
    assert.equal(h.runs.length, 0);
  });
}

for (const path of ['/etc/cron.d/x', '../x', '/usr/bin/ls']) {
  test(`files/write to ${path}: refused`, async () => {
    await using h = await harness({ providers: [fakeModel('fake', asks('write', { path, content: 'x' }))] });
    await h.say('write');
    assert.match(told(h).text, /FILE_WRITE_NOT_ALLOWED/);
    assert.deepEqual(decisions(h), ['deny FILE_WRITE_NOT_ALLOWED']);
    assert.equal(h.runs.length, 0);
  });
}

test('files/a link in the workspace that leads to a denied place: refused by the run itself', async () => {
  const model = fakeModel(
    'fake',
    asks('read', { path: 'innocent' }),
    asks('read', { path: 'folder/key' }),
    asks('write', { path: 'folder/new', content: 'x' }),
    asks('write', { path: 'innocent', content: 'x' }),
    asks('list', { path: 'folder' }),
    asks('search', { path: 'innocent', pattern: 'k' }),
  );
  await using h = await harness({ providers: [model] });
  mkdirSync(join(h.workspace, 'private'));
  writeFileSync(join(h.workspace, 'private/key'), 'key');
  symlinkSync('/workspace/private/key', join(h.workspace, 'innocent'));
  symlinkSync('/workspace/private', join(h.workspace, 'folder'));
  await h.say('look');
  const results = h.events.flatMap((event) => (event.type === 'tool.finished' ? [event] : []));
  assert.equal(results.length, 6);
  for (const result of results) assert.match(result.text, /TOOL_PATH_LINK/);
  assert.equal(readFileSync(join(h.workspace, 'private/key'), 'utf8'), 'key');
  assert.equal(existsSync(join(h.workspace, 'private/new')), false);
});

for (const url of [
  'https://evil.example/',
  'https://good.example.evil.example/',
  'https://good.example:8443/',
  'http://169.254.169.254/latest/meta-data/',
]) {
  test(`egress/web_fetch of ${url}: refused`, async () => {
    await using h = await harness({ providers: [fakeModel('fake', asks('web_fetch', { url }))] });
    await h.say('fetch');
    assert.match(told(h).text, /EGRESS_HOST_NOT_ALLOWED/);
    assert.equal(h.runs.length, 0);
    assert.equal(h.sockets.opened.length, 0);
  });
}

for (const url of [
  'https://good.example@evil.example/',
  'https://good.example%2eevil/',
  'https://[::1]/',
  'file:///etc/passwd',
  'https://good.example\\evil/',
  'https://good．example/',
]) {
  test(`egress/an address that parsers read differently (${url}): refused`, async () => {
    await using h = await harness({ providers: [fakeModel('fake', asks('web_fetch', { url }))] });
    await h.say('fetch');
    assert.match(told(h).text, /TOOL_ARGUMENTS_INVALID/);
    assert.equal(h.runs.length, 0);
  });
}

test('egress/web_fetch by an agent without any egress rule: refused', async () => {
  const model = fakeModel('fake', asks('web_fetch', { url: 'https://good.example/' }));
  await using h = await harness({ providers: [model], policy: { egress: false } });
  await h.say('fetch');
  assert.match(told(h).text, /TOOL_NO_WAY_OUT/);
  assert.ok(!model.requests[0]?.tools.some((tool) => tool.name === 'web_fetch'));
  assert.equal(h.sockets.opened.length, 0);
});

test('approvals/a script that changed between approval and run: refused', async () => {
  const model = fakeModel('fake', asks('shell', { command: 'sh build.sh' }));
  await using h = await harness({ providers: [model] });
  const script = join(h.workspace, 'build.sh');
  writeFileSync(script, 'echo harmless > out');
  const handle = await h.start('build');
  const asked = await h.next('tool.approval');
  writeFileSync(script, 'echo evil > out');
  await h.approvals.resolve(asked.approvalId, 'allow-once', { principal: 'operator' });
  await handle.done;
  assert.match(told(h).text, /APPROVAL_CHANGED/);
  assert.equal(existsSync(join(h.workspace, 'out')), false);
  assert.equal(h.runs.length, 0);
  assert.equal(h.ledger.of('tool.started').length, 0);
});

test('approvals/a script swapped by another session while it is read for the last time: refused', async () => {
  const finish = Promise.withResolvers<void>();
  const order: string[] = [];
  const model = (name: string, command: string) =>
    fakeModel(name, asks('shell', { command }), { text: 'end' });
  await using h = await harness({
    providers: [model('one', 'echo watching'), model('two', 'sh build.sh')],
    sandbox: (real) => ({
      ...real,
      async run(spec, ...rest) {
        const watching = spec.argv.includes('echo watching');
        if (watching) await finish.promise;
        order.push(watching ? 'watcher' : 'script');
        return real.run(spec, ...rest);
      },
    }),
  });
  const script = join(h.workspace, 'build.sh');
  writeFileSync(script, 'echo harmless > out');
  const watcher = await h.start('watch', { sessionKey: 'agent:main:one', model: 'one/m' });
  await h.next('tool.started');
  const builder = await h.start('build', { sessionKey: 'agent:main:two', model: 'two/m' });
  const asked = await h.next('tool.approval');
  await h.approvals.resolve(asked.approvalId, 'allow-once', { principal: 'operator' });
  for (let turns = 0; turns < 50; turns += 1) await setImmediate();
  assert.equal(h.ledger.of('tool.started').length, 1);
  writeFileSync(script, 'echo evil > out');
  finish.resolve();
  await Promise.all([watcher.done, builder.done]);
  assert.deepEqual(order, ['watcher']);
  assert.equal(existsSync(join(h.workspace, 'out')), false);
  assert.ok(h.events.some((event) => event.type === 'tool.finished' && /APPROVAL_CHANGED/.test(event.text)));
});

test('approvals/an answer of no: refused, and the model is told', async () => {
  await using h = await harness({ providers: [fakeModel('fake', asks('shell', { command: 'touch x' }))] });
  const handle = await h.start('touch');
  const asked = await h.next('tool.approval');
  await h.approvals.resolve(asked.approvalId, 'deny', { principal: 'operator' });
  assert.equal((await handle.done).status, 'ok');
  assert.match(told(h).text, /TOOL_APPROVAL_DENIED/);
  assert.equal(existsSync(join(h.workspace, 'x')), false);
});

test('approvals/nobody answers in time: refused', async () => {
  const model = fakeModel('fake', asks('shell', { command: 'touch x' }));
  await using h = await harness({ providers: [model], turn: { approvalMs: 20 } });
  assert.equal((await h.say('touch')).status, 'ok');
  assert.match(told(h).text, /TOOL_APPROVAL_EXPIRED/);
  assert.equal(h.runs.length, 0);
});

for (const action of ['tool.call', 'tool.started']) {
  test(`trace/an action whose ${action} record cannot be written: refused`, async () => {
    const model = fakeModel('fake', asks('write', { path: 'x', content: 'x' }), { text: 'never' });
    await using h = await harness({ providers: [model] });
    h.ledger.failing = (event) => event.action === action;
    const outcome = await h.say('write');
    assert.equal(outcome.status === 'error' && outcome.code, 'TURN_NOT_RECORDED');
    assert.equal(h.runs.length, 0);
    assert.equal(existsSync(join(h.workspace, 'x')), false);
    assert.equal(model.requests.length, 1);
  });
}

test('trace/a message whose receipt cannot be written: refused', async () => {
  const model = fakeModel('fake');
  await using h = await harness({ providers: [model] });
  h.ledger.failing = () => true;
  await assert.rejects(h.say('hi'), { code: 'TURN_NOT_RECORDED' });
  assert.equal(model.requests.length, 0);
  assert.equal(await h.sessions.find('operator', 'agent:main:main'), undefined);
});

test('tools/an unknown tool and malformed arguments: refused, and the turn goes on', async () => {
  const model = fakeModel(
    'fake',
    asks('teleport', {}),
    asks('read', 'not json'),
    asks('read', { path: 7 }),
    asks('write', { path: 'x', content: 'x', mode: '777' }),
    asks('read', { path: '' }),
    { text: 'end' },
  );
  await using h = await harness({ providers: [model] });
  const outcome = await h.say('go');
  assert.equal(outcome.status === 'ok' && outcome.text, 'end');
  const codes = h.ledger.of('tool.call').map((event) => event.code);
  const bad = 'TOOL_ARGUMENTS_INVALID';
  assert.deepEqual(codes, ['TOOL_UNKNOWN', bad, bad, bad, 'EXEC_PATH_INVALID']);
  assert.equal(h.runs.length, 0);
});

test('auth/a principal that may not use the agent: refused', async () => {
  const model = fakeModel('fake');
  await using h = await harness({ providers: [model] });
  const authority = authorityOf({ id: 'principal:x', rules: [] });
  await assert.rejects(h.say('hi', { authority }), { code: 'AUTH_AGENT_NOT_ALLOWED' });
  assert.equal(h.ledger.of('agent.run')[0]?.outcome, 'deny');
  assert.equal(model.requests.length, 0);
});

test('auth/a principal with fewer rights than the agent: the strictest rule stands', async () => {
  const authority = authorityOf({
    id: 'principal:x',
    rules: [
      { id: 'no-shell', kind: 'exec', effect: 'deny' },
      { id: 'rest', kind: '*', effect: 'allow' },
    ],
  });
  await using h = await harness({ providers: [fakeModel('fake', asks('shell', { command: 'echo hi' }))] });
  await h.say('hi', { authority });
  assert.match(told(h).text, /EXEC_COMMAND_DENIED by rule principal:x\/no-shell/);
  assert.equal(h.runs.length, 0);
});

test('models/a model that no rule allows: refused before a prompt leaves', async () => {
  const model = fakeModel('fake');
  const rules = RULES.filter((rule) => rule.kind !== 'model.call');
  await using h = await harness({ providers: [model], rules });
  const outcome = await h.say('hi');
  assert.equal(outcome.status === 'error' && outcome.code, 'MODEL_NOT_ALLOWED');
  assert.equal(model.requests.length, 0);
  assert.equal(h.ledger.of('model.call')[0]?.code, 'MODEL_NOT_ALLOWED');
});

test('execution/a file that git, a shell or an editor outside runs, by tool and by command: refused without a person', async () => {
  const paths = [
    '.git/hooks/pre-commit',
    'sub/.git/config',
    '.envrc',
    '.vscode/tasks.json',
    '.husky/pre-push',
  ];
  for (const path of paths) {
    for (const call of [
      asks('write', { path, content: 'id' }),
      asks('shell', { command: `echo id > ${path}` }),
    ]) {
      await using h = await harness({ providers: [fakeModel('fake', call, { text: 'end' })] });
      const handle = await h.start('go');
      const asked = await h.next('tool.approval');
      assert.equal(h.ledger.of('tool.call')[0]?.code, 'EXEC_FILE_RUNS_LATER', path);
      await h.approvals.resolve(asked.approvalId, 'deny', { principal: 'operator' });
      await handle.done;
      assert.equal(h.runs.length, 0);
      assert.equal(existsSync(join(h.workspace, path)), false);
    }
  }
});
