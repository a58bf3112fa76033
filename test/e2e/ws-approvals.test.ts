import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ledgerOf, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { connectOpenClaw, type OpenClawClient, type Payload } from '../fixtures/openclaw-client.ts';
import { violations } from '../fixtures/protocol-oracle.ts';

const APPROVER = ['operator.read', 'operator.write', 'operator.approvals'];

describe('approvals through the published OpenClaw client', () => {
  let gateway: TestGateway;
  let client: OpenClawClient;
  let runs = 0;

  before(async () => {
    gateway = await startGateway();
    client = await connectOpenClaw(gateway.url, {
      token: gateway.firstToken ?? '',
      caps: ['exec-approvals'],
    });
  });

  after(async () => {
    await client[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const made = (name: string) => existsSync(join(gateway.home, 'workspaces', 'main', name));

  /** A turn whose command waits for a person; the rehearsal runs what the message says. */
  async function ask(name: string) {
    const runId = `run-${++runs}`;
    await client.request('chat.send', {
      sessionKey: runId,
      message: `run: touch /workspace/${name}`,
      idempotencyKey: runId,
    });
    const matches = (payload: Payload) => (payload['request'] as Payload)['runId'] === runId;
    const record = await client.event('exec.approval.requested', matches);
    return { runId, id: String(record['id']), record };
  }

  const ended = (runId: string) =>
    client.event('chat', (payload) => payload['runId'] === runId && payload['state'] === 'final');

  test('a command that the playbook asks about waits, and runs once it is allowed', async () => {
    const { runId, id, record } = await ask('allowed.txt');
    assert.equal((record['request'] as Payload)['command'], 'touch /workspace/allowed.txt');
    const listed = await client.request<readonly Payload[]>('exec.approval.list');
    assert.deepEqual(listed, [record]);
    const flat = await client.request('exec.approval.get', { id });
    assert.equal(flat['commandText'], 'touch /workspace/allowed.txt');
    assert.equal(made('allowed.txt'), false);
    assert.deepEqual(await client.request('exec.approval.resolve', { id, decision: 'allow-once' }), {
      ok: true,
    });
    const resolved = await client.event('exec.approval.resolved', (payload) => payload['id'] === id);
    assert.equal(resolved['decision'], 'allow-once');
    await ended(runId);
    assert.equal(made('allowed.txt'), true);
    assert.deepEqual(await client.request('exec.approval.list'), []);
    const { approval } = await client.request<{ approval: Payload }>('approval.get', { id });
    assert.deepEqual(
      [approval['status'], approval['decision'], approval['reason']],
      ['allowed', 'allow-once', 'user'],
    );
  });

  test('approvals/a command that a person denies: refused', async () => {
    const { runId, id } = await ask('denied.txt');
    await client.request('exec.approval.resolve', { id, decision: 'deny' });
    await ended(runId);
    assert.equal(made('denied.txt'), false);
    await client.request('exec.approval.resolve', { id, decision: 'deny' });
    const conflict = await client.refusal('exec.approval.resolve', { id, decision: 'allow-once' });
    assert.equal(conflict.gatewayCode, 'INVALID_REQUEST');
    assert.equal(conflict.details?.['reason'], 'APPROVAL_ALREADY_RESOLVED');
    assert.equal(made('denied.txt'), false);
    const records = await ledgerOf(gateway);
    assert.ok(records.some(({ action, outcome }) => action === 'approval.resolved' && outcome === 'deny'));
  });

  test('approval.resolve tells whether it counted, and never errs on a repeat or a conflict', async () => {
    const { runId, id } = await ask('unified.txt');
    const params = { id, kind: 'exec' };
    const first = await client.request('approval.resolve', { ...params, decision: 'allow-once' });
    assert.equal(first['applied'], true);
    await ended(runId);
    const second = await client.request('approval.resolve', { ...params, decision: 'deny' });
    assert.equal(second['applied'], false);
    assert.equal((second['approval'] as Payload)['status'], 'allowed');
    const history = await client.request<{ items: readonly Payload[] }>('approval.history', { limit: 10 });
    assert.ok(history.items.some((item) => item['id'] === id));
  });

  test('a client that shows plugin approvals only, as the terminal UI does, answers the same gates', async () => {
    await using terminal = await connectOpenClaw(gateway.url, {
      token: gateway.firstToken ?? '',
      clientName: 'openclaw-tui',
      mode: 'ui',
      caps: ['tool-events', 'plugin-approvals'],
    });
    const { runId, id } = await ask('plugin.txt');
    const record = await terminal.event('plugin.approval.requested');
    assert.equal(record['id'], `plugin:${id}`);
    const request = record['request'] as Payload;
    assert.match(String(request['description']), /touch \/workspace\/plugin\.txt/);
    assert.ok(Number(record['createdAtMs']) > 0 && Number(record['expiresAtMs']) > 0);
    assert.deepEqual(await terminal.request('plugin.approval.list'), [record]);
    const { approval } = await terminal.request<{ approval: Payload }>('approval.get', {
      id: `plugin:${id}`,
    });
    assert.deepEqual(violations('PluginApprovalPresentation', approval['presentation']), []);
    await terminal.request('plugin.approval.resolve', { id: `plugin:${id}`, decision: 'allow-once' });
    const resolved = await terminal.event('plugin.approval.resolved');
    assert.deepEqual([resolved['id'], resolved['decision']], [`plugin:${id}`, 'allow-once']);
    await ended(runId);
    assert.equal(made('plugin.txt'), true);
    assert.equal(
      terminal.events.some(({ event }) => event.startsWith('exec.approval')),
      false,
    );
  });

  test('approvals/an id that does not exist: refused', async () => {
    for (const method of ['approval.get', 'exec.approval.get']) {
      const error = await client.refusal(method, { id: 'no-such-approval' });
      assert.equal(error.gatewayCode, 'INVALID_REQUEST');
      assert.equal(error.details?.['reason'], 'APPROVAL_NOT_FOUND');
    }
  });

  test('approvals/an answer without the scope for it: refused', async () => {
    await using reader = await connectOpenClaw(gateway.url, {
      token: gateway.firstToken ?? '',
      scopes: ['operator.read', 'operator.write'],
      caps: ['exec-approvals'],
    });
    const { runId, id } = await ask('scopeless.txt');
    const error = await reader.refusal('exec.approval.resolve', { id, decision: 'allow-once' });
    assert.deepEqual(error.details, {
      code: 'MISSING_SCOPE',
      missingScope: 'operator.approvals',
      requiredScopes: ['operator.approvals'],
    });
    assert.equal(
      reader.events.some(({ event }) => event.includes('approval')),
      false,
    );
    const records = await ledgerOf(gateway);
    assert.ok(records.some(({ code, type }) => code === 'AUTH_SCOPE_MISSING' && type === 'decision'));
    await client.request('exec.approval.resolve', { id, decision: 'deny' });
    await ended(runId);
    assert.equal(made('scopeless.txt'), false);
  });

  test('approvals/an approver whose credential is for another agent: refused, and told nothing', async () => {
    const result = await gateway.cli([
      'token',
      'issue',
      'other-agent',
      '--scopes',
      APPROVER.join(','),
      '--agents',
      'somebody-else',
      '--json',
    ]);
    const { token } = result.json as { token: string };
    await using other = await connectOpenClaw(gateway.url, { token, scopes: APPROVER, caps: ['approvals'] });
    const { runId, id } = await ask('foreign.txt');
    assert.deepEqual(await other.request('exec.approval.list'), []);
    const error = await other.refusal('exec.approval.resolve', { id, decision: 'allow-once' });
    assert.equal(error.details?.['reason'], 'APPROVAL_NOT_FOUND');
    await client.request('exec.approval.resolve', { id, decision: 'deny' });
    await ended(runId);
    assert.equal(made('foreign.txt'), false);
    assert.equal(
      other.events.some(({ event }) => event.includes('approval')),
      false,
    );
  });
});
