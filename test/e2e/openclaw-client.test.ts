import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ledgerOf } from '../fixtures/gateway.ts';
import { connectOpenClaw, type OpenClawClient, type Payload } from '../fixtures/openclaw-client.ts';
import { type ScriptedGateway, startScriptedGateway } from '../fixtures/scripted-gateway.ts';

const CAPS = ['tool-events'];
const MAIN = 'agent:main:main';

function ofRun(client: OpenClawClient, event: string, runId: string): readonly Payload[] {
  const payloads = client.events.filter((frame) => frame.event === event).map(({ payload }) => payload);
  return (payloads as readonly Payload[]).filter((payload) => payload['runId'] === runId);
}

function isFinal(runId: string) {
  return (payload: Payload) => payload['runId'] === runId && payload['state'] === 'final';
}

describe('the published OpenClaw client, unchanged, against a real gateway', () => {
  let home: ScriptedGateway;
  let client: OpenClawClient;

  before(async () => {
    home = await startScriptedGateway();
    client = await connectOpenClaw(home.gateway.url, { token: home.token, caps: CAPS });
  });

  after(async () => {
    await client[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  test('connects with a token and learns what it may do', () => {
    const { hello } = client;
    assert.equal(hello.protocol, 4);
    assert.deepEqual(hello.auth?.role, 'operator');
    assert.ok(hello.auth?.scopes.includes('operator.admin'));
    for (const method of ['chat.send', 'health', 'gatehouse.agent.run']) {
      assert.ok(hello.features.methods.includes(method), method);
    }
    assert.ok(hello.features.events.includes('chat'));
  });

  test('chat.send answers at once and streams the whole message so far until one final', async () => {
    home.script({ text: 'A streamed answer, in several pieces.', paceMs: 5 });
    const sent = await client.request('chat.send', {
      sessionKey: 'main',
      message: 'Say something.',
      idempotencyKey: 'run-stream',
    });
    assert.deepEqual(sent, { runId: 'run-stream', status: 'started' });
    const final = await client.event('chat', isFinal('run-stream'));
    const chat = ofRun(client, 'chat', 'run-stream');
    const deltas = chat.filter(({ state }) => state === 'delta');
    let whole = '';
    for (const { deltaText, message } of deltas) {
      whole += deltaText;
      assert.deepEqual((message as { content: unknown }).content, [{ type: 'text', text: whole }]);
    }
    assert.ok(deltas.length > 2, `${deltas.length} pieces`);
    assert.equal(whole, 'A streamed answer, in several pieces.');
    assert.equal((final['message'] as { content: { text: string }[] }).content[0]?.text, whole);
    const terminal = chat.filter(({ state }) => ['final', 'aborted', 'error'].includes(String(state)));
    assert.equal(terminal.length, 1);
    const seqs = [...chat, ...ofRun(client, 'agent', 'run-stream')].map(({ seq }) => Number(seq));
    assert.equal(new Set(seqs).size, seqs.length);
    const phases = ofRun(client, 'agent', 'run-stream').filter(({ stream }) => stream === 'lifecycle');
    assert.deepEqual(
      phases.map(({ data }) => (data as Payload)['phase']),
      ['start', 'model', 'end'],
    );
  });

  test('the same idempotency key never starts a second turn', async () => {
    const before = home.model.requests.length;
    const again = await client.request('chat.send', {
      sessionKey: 'main',
      message: 'Say something.',
      idempotencyKey: 'run-stream',
    });
    assert.deepEqual(again, { runId: 'run-stream', status: 'ok' });
    assert.equal(home.model.requests.length, before);
  });

  test('chat.history has the conversation, page by page', async () => {
    const all = await client.request('chat.history', { sessionKey: 'main' });
    const messages = all['messages'] as readonly Payload[];
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['user', 'assistant'],
    );
    assert.equal(all['sessionKey'], MAIN);
    assert.equal((all['sessionInfo'] as Payload)['model'], 'scripted');
    const newest = await client.request('chat.history', { sessionKey: MAIN, limit: 1 });
    assert.deepEqual(newest['messages'], [messages[1]]);
    assert.equal(newest['nextOffset'], 1);
    const older = await client.request('chat.history', { sessionKey: MAIN, limit: 1, offset: 1 });
    assert.deepEqual(older['messages'], [messages[0]]);
    assert.equal(older['hasMore'], false);
    const unknown = await client.request('chat.history', { sessionKey: 'nobody' });
    assert.deepEqual(unknown['messages'], []);
  });

  test('a tool runs in the sandbox and is told to clients that want tool events', async () => {
    home.script(
      { toolCalls: [{ name: 'shell', arguments: { command: 'echo from-the-sandbox' } }] },
      { text: 'Done.' },
    );
    await client.request('chat.send', {
      sessionKey: 'tools',
      message: 'Run it.',
      idempotencyKey: 'run-tool',
    });
    await client.event('chat', isFinal('run-tool'));
    const tool = ofRun(client, 'agent', 'run-tool').filter(({ stream }) => stream === 'tool');
    assert.deepEqual(
      tool.map(({ data }) => (data as Payload)['phase']),
      ['start', 'update', 'result'],
    );
    const result = tool.at(-1)?.['data'] as { isError: boolean; result: { content: { text: string }[] } };
    assert.equal(result.isError, false);
    assert.match(result.result.content[0]?.text ?? '', /from-the-sandbox/);
    const { events } = await client.request<{ events: readonly Payload[] }>('audit.activity.list', {});
    assert.deepEqual(
      events.map(({ action, toolName, runId }) => [action, toolName, runId]),
      [
        ['tool.action.finished', 'shell', 'run-tool'],
        ['tool.action.started', 'shell', 'run-tool'],
      ],
    );
  });

  test('chat.abort ends a stream, and what was said so far is told', async () => {
    home.script({ text: 'This goes on and on. '.repeat(15), paceMs: 20 });
    await client.request('chat.send', { sessionKey: 'long', message: 'Go.', idempotencyKey: 'run-abort' });
    await client.event('chat', (payload) => payload['runId'] === 'run-abort' && payload['state'] === 'delta');
    const running = await client.request('chat.history', { sessionKey: 'long' });
    assert.equal((running['inFlightRun'] as Payload)['runId'], 'run-abort');
    const aborted = await client.request('chat.abort', { sessionKey: 'long', runId: 'run-abort' });
    assert.deepEqual(aborted, { ok: true, aborted: true, runIds: ['run-abort'] });
    const last = await client.event(
      'chat',
      ({ runId, state }) => runId === 'run-abort' && !['delta', 'status'].includes(String(state)),
    );
    assert.equal(last['state'], 'aborted');
    assert.match(JSON.stringify(last['message']), /"This /);
    const idle = await client.request('chat.abort', { sessionKey: 'long' });
    assert.deepEqual(idle, { ok: true, aborted: false, runIds: [] });
  });

  test('a failing model ends the run with one error that says what to do', async () => {
    home.script({ status: 401, errorType: 'invalid_api_key', errorMessage: 'no such key' });
    await client.request('chat.send', { sessionKey: 'sad', message: 'Go.', idempotencyKey: 'run-error' });
    const failed = await client.event(
      'chat',
      ({ runId, state }) => runId === 'run-error' && ['error', 'final'].includes(String(state)),
    );
    assert.equal(failed['state'], 'error');
    assert.match(String(failed['errorMessage']), /^MODEL_[A-Z_]+: /);
  });

  test('agent answers twice: accepted, and how it ended', async () => {
    home.script({ text: 'The final text.' });
    let accepted: Payload | undefined;
    const final = await client.request(
      'agent',
      { message: 'Answer me.', idempotencyKey: 'run-agent', sessionKey: 'agent-run' },
      { expectFinal: true, onAccepted: (payload) => (accepted = payload as Payload) },
    );
    assert.equal(accepted?.['status'], 'accepted');
    assert.equal(accepted?.['runId'], 'run-agent');
    assert.equal(final['status'], 'ok');
    assert.deepEqual((final['result'] as Payload)['payloads'], [{ text: 'The final text.' }]);
    const waited = await client.request('agent.wait', { runId: 'run-agent' });
    assert.equal(waited['status'], 'ok');
  });

  test('agent fails with an error and its payload when the model does', async () => {
    home.script({ status: 401, errorType: 'invalid_api_key', errorMessage: 'no such key' });
    const error = await client.refusal(
      'agent',
      { message: 'Answer me.', idempotencyKey: 'run-agent-sad', sessionKey: 'agent-sad' },
      { expectFinal: true },
    );
    assert.equal(error.gatewayCode, 'UNAVAILABLE');
    assert.match(JSON.stringify(error.details?.['gatehouse']), /"code":"MODEL_/);
  });

  test('sessions are made, listed, changed, emptied and deleted, and subscribers hear of it', async () => {
    assert.deepEqual(await client.request('sessions.subscribe', {}), { subscribed: true });
    const created = await client.request('sessions.create', { key: 'notes', label: 'Notes' });
    assert.equal(created['key'], 'agent:main:notes');
    const news = await client.event('sessions.changed', ({ reason }) => reason === 'new');
    assert.equal((news['session'] as Payload)['label'], 'Notes');
    const listed = await client.request<{ sessions: readonly Payload[] }>('sessions.list', {
      search: 'Notes',
    });
    assert.deepEqual(
      listed.sessions.map(({ key }) => key),
      ['agent:main:notes'],
    );
    await client.request('sessions.patch', { key: 'notes', label: 'Better notes', pinned: true });
    await client.event('sessions.changed', ({ reason }) => reason === 'patch');
    const { session } = await client.request<{ session: Payload }>('sessions.describe', { key: 'notes' });
    assert.deepEqual([session['label'], session['pinned']], ['Better notes', true]);
    const resolved = await client.request('sessions.resolve', { key: 'notes' });
    assert.deepEqual(resolved, { ok: true, key: 'agent:main:notes', agentId: 'main' });
    const reset = await client.request<{ entry: Payload }>('sessions.reset', { key: 'notes' });
    assert.notEqual(reset.entry['sessionId'], created['sessionId']);
    await client.event('sessions.changed', ({ reason }) => reason === 'reset');
    const deleted = await client.request('sessions.delete', { key: 'notes' });
    assert.deepEqual(deleted, { ok: true, key: 'agent:main:notes', deleted: true, archived: [] });
    await client.event('sessions.changed', ({ reason }) => reason === 'delete');
    assert.deepEqual(await client.request('sessions.describe', { key: 'notes' }), { session: null });
  });

  test('messages of one session are told to whoever subscribed to it', async () => {
    const subscribed = await client.request('sessions.messages.subscribe', { key: 'live' });
    assert.deepEqual(subscribed, { subscribed: true, key: 'agent:main:live' });
    home.script({ text: 'Heard.' });
    await client.request('chat.send', { sessionKey: 'live', message: 'Hello.', idempotencyKey: 'run-live' });
    const message = await client.event('session.message', ({ messageSeq }) => messageSeq === 2);
    assert.equal(message['sessionKey'], 'agent:main:live');
    assert.equal((message['message'] as Payload)['role'], 'assistant');
  });

  test('health, status, agents, models and the lists of what Gatehouse does not have', async () => {
    const health = await client.request('health');
    assert.equal(health['ok'], true);
    assert.equal(health['defaultAgentId'], 'main');
    const status = await client.request('status');
    assert.deepEqual(status['channelSummary'], []);
    assert.ok(Array.isArray((status['sessions'] as Payload)['byAgent']));
    const agents = await client.request('agents.list');
    assert.equal(agents['defaultId'], 'main');
    const { models } = await client.request<{ models: readonly Payload[] }>('models.list');
    assert.ok(models.some(({ id, provider }) => id === 'scripted' && provider === 'scripted'));
    for (const method of [
      'commands.list',
      'question.list',
      'taskSuggestions.list',
      'tasks.list',
      'users.list',
    ]) {
      await client.request(method);
    }
    for (const method of ['channels.status', 'cron.list', 'node.list', 'system-presence', 'skills.status']) {
      await client.request(method);
    }
  });

  test('logs.tail and config.get show no secret', async () => {
    const logs = await client.request<{ lines: readonly string[]; cursor: number }>('logs.tail', {
      limit: 10,
    });
    const more = await client.request<{ cursor: number }>('logs.tail', { cursor: logs.cursor });
    assert.ok(more.cursor >= logs.cursor);
    const config = await client.request('config.get');
    assert.equal(config['valid'], true);
    assert.ok(!JSON.stringify([logs, config]).includes(home.token));
  });

  test('tools.invoke runs a tool as the playbook says, and reports a refusal in an ok answer', async () => {
    const ran = await client.request('tools.invoke', { name: 'shell', args: { command: 'echo invoked' } });
    assert.equal(ran['ok'], true);
    assert.match(JSON.stringify(ran['output']), /invoked/);
    const refused = await client.request('tools.invoke', { name: 'no-such-tool', args: {} });
    assert.equal(refused['ok'], false);
    assert.match(String((refused['error'] as Payload)['code']), /^[A-Z]+_[A-Z_]+$/);
  });

  test('a connection with fewer scopes sees the same conversations and may do less', async () => {
    await using reader = await connectOpenClaw(home.gateway.url, {
      token: home.token,
      scopes: ['operator.read'],
    });
    assert.deepEqual(reader.hello.auth?.scopes, ['operator.read']);
    const history = await reader.request<{ messages: readonly unknown[] }>('chat.history', {
      sessionKey: 'main',
    });
    assert.equal(history.messages.length, 2);
    const audit = await reader.request<{ events: readonly unknown[] }>('audit.activity.list');
    assert.ok(audit.events.length >= 2);
    const error = await reader.refusal('chat.send', {
      sessionKey: 'main',
      message: 'No.',
      idempotencyKey: 'run-refused',
    });
    assert.equal(error.gatewayCode, 'FORBIDDEN');
    assert.deepEqual(error.details, {
      code: 'MISSING_SCOPE',
      missingScope: 'operator.write',
      requiredScopes: ['operator.write'],
    });
    const records = await ledgerOf(home.gateway);
    assert.ok(records.some(({ code, outcome }) => code === 'AUTH_SCOPE_MISSING' && outcome === 'deny'));
    const unchanged = await reader.request<{ messages: readonly unknown[] }>('chat.history', {
      sessionKey: 'main',
    });
    assert.equal(unchanged.messages.length, 2);
  });

  test("a stranger's token finds none of these conversations under the same key", async () => {
    const token = await home.gateway.issueToken('stranger', ['operator.write']);
    await using stranger = await connectOpenClaw(home.gateway.url, { token, scopes: ['operator.write'] });
    const history = await stranger.request('chat.history', { sessionKey: 'main' });
    assert.deepEqual(history['messages'], []);
    const sessions = await stranger.request('sessions.list');
    assert.deepEqual(sessions['sessions'], []);
    assert.deepEqual(await stranger.request('audit.activity.list'), { events: [] });
    home.script({ text: 'Only for them.' });
    const seen = stranger.events.length;
    await client.request('chat.send', {
      sessionKey: 'main',
      message: 'Private.',
      idempotencyKey: 'run-private',
    });
    await client.event('chat', isFinal('run-private'));
    await stranger.request('health');
    assert.equal(stranger.events.length, seen);
  });
});
