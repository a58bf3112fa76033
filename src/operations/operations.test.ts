import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigIssue } from '../configuration/types.ts';
import type { ApprovalRecord } from '../controls/execution/types.ts';
import type { LedgerRecord } from '../controls/trace/types.ts';
import { authorityOf } from '../kernel/index.ts';
import type { Caller } from './define.ts';
import { ownRunId } from './run-id.ts';
import { ADMIN, BOB, call, failure, OK, person, world } from './testing/world.ts';

describe('sessions and runs of others', () => {
  const keys = (result: Record<string, unknown>) =>
    (result['sessions'] as { sessionId: string }[]).map(({ sessionId }) => sessionId);

  test('a caller lists its own sessions; an administrator lists all when asked to', async () => {
    assert.deepEqual(keys(await call(world(), 'sessions.list', BOB)), ['s-bob']);
    assert.deepEqual(keys(await call(world(), 'sessions.list', ADMIN)), ['s-op']);
    assert.deepEqual(keys(await call(world(), 'sessions.list', ADMIN, { all: true })), ['s-op', 's-bob']);
  });

  test('sessions/list of all spaces without operator.admin: refused', async () => {
    const error = await failure(call(world(), 'sessions.list', BOB, { all: true }));
    assert.equal(error.code, 'AUTH_SCOPE_MISSING');
    assert.equal(error.details['missingScope'], 'operator.admin');
  });

  test("sessions/history by somebody else's key: the caller's own session, never the other", async () => {
    const where = world();
    await call(where, 'chat.history', BOB, { sessionKey: 'main' });
    assert.deepEqual(where.did, [{ history: 's-bob' }]);
  });

  test("sessions/history by somebody else's session id: refused", async () => {
    const where = world();
    const history = await call(where, 'chat.history', BOB, { sessionKey: 's-op' });
    assert.equal(history['sessionId'], null);
    assert.equal(
      (await failure(call(where, 'sessions.show', BOB, { sessionKey: 's-op' }))).code,
      'OP_SESSION_NOT_FOUND',
    );
    assert.equal(
      (await failure(call(where, 'sessions.show', BOB, { sessionKey: 's-op', all: true }))).code,
      'AUTH_SCOPE_MISSING',
    );
    assert.deepEqual(where.did, []);
  });

  test("runs/wait for somebody else's run: refused like a run that does not exist", async () => {
    const other = await failure(call(world(), 'run.wait', ADMIN, { runId: 'bobs-run', timeoutMs: 1 }));
    const none = await failure(call(world(), 'run.wait', ADMIN, { runId: 'nothing', timeoutMs: 1 }));
    assert.deepEqual(other.toJSON(), none.toJSON());
    assert.equal((await call(world(), 'run.wait', BOB, { runId: 'bobs-run', timeoutMs: 1 }))['status'], 'ok');
  });
});

describe('agent.run', () => {
  const input = { message: 'hi', idempotencyKey: 'r1' };

  test("streams the caller's own run and nothing else, and starts it with the caller's authority", async () => {
    const where = world();
    const seen: unknown[] = [];
    const running = call(where, 'agent.run', BOB, input, { emit: (event) => seen.push(event) });
    await new Promise(setImmediate);
    where.publish({ type: 'started', runId: ownRunId('bob', 'r1'), space: 'bob' });
    where.publish({ type: 'started', runId: 'r1', space: 'operator' });
    where.publish({ type: 'started', runId: ownRunId('bob', 'r2'), space: 'bob' });
    where.finish(OK);
    assert.deepEqual(await running, {
      runId: 'r1',
      status: 'ok',
      text: 'hi',
      usage: OK.usage,
      stopReason: 'stop',
      model: 'p/m',
    });
    assert.deepEqual(seen, [{ type: 'started', runId: 'r1', space: 'bob' }]);
    const [request] = where.started;
    assert.equal(request?.authority, BOB.authority);
    assert.deepEqual(request?.subject, { principal: 'bob', credential: 'c-bob', agent: 'main' });
    assert.equal(request?.sessionKey, 'agent:main:main');
  });

  test('a turn that failed is an error with the code, fix and status of the turn', async () => {
    const where = world();
    where.finish({
      status: 'error',
      code: 'MODEL_RATE_LIMITED',
      message: 'slow down',
      fix: 'wait',
      errorKind: 'rate_limit',
      usage: OK.usage,
      httpStatus: 429,
    });
    const error = await failure(call(where, 'agent.run', BOB, input));
    assert.deepEqual([error.code, error.status, error.fix], ['MODEL_RATE_LIMITED', 429, 'wait']);
  });

  test('a caller who goes away ends the turn', async () => {
    const where = world();
    const gone = new AbortController();
    const running = call(where, 'agent.run', BOB, input, { signal: gone.signal });
    await new Promise(setImmediate);
    gone.abort();
    where.finish({ status: 'aborted', text: '', stopReason: 'aborted', usage: OK.usage });
    assert.equal((await running)['status'], 'aborted');
    assert.deepEqual(where.did, [{ abort: ['bob', 'agent:main:main', ownRunId('bob', 'r1')] }]);
  });

  test('a detached turn outlives its caller', async () => {
    const where = world();
    const gone = new AbortController();
    const running = call(where, 'agent.run', BOB, { ...input, detached: true }, { signal: gone.signal });
    await new Promise(setImmediate);
    gone.abort();
    assert.equal((await failure(running)).code, 'KERNEL_ABORTED');
    assert.deepEqual(where.did, []);
  });

  test('a caller who leaves before a detached turn has started leaves no failure that nobody handles', async () => {
    const where = world();
    const unhandled: unknown[] = [];
    const note = (cause: unknown) => void unhandled.push(cause);
    process.on('unhandledRejection', note);
    const gone = new AbortController();
    const starting = Promise.withResolvers<void>();
    const { turns } = where.services;
    const start: typeof turns.start = async (request) => {
      await starting.promise;
      return turns.start(request);
    };
    const services = { ...where.services, turns: { ...turns, start } };
    const running = call(
      { ...where, services },
      'agent.run',
      BOB,
      { ...input, detached: true },
      { signal: gone.signal },
    );
    await new Promise(setImmediate);
    gone.abort();
    await new Promise(setImmediate);
    starting.resolve();
    assert.equal((await failure(running)).code, 'KERNEL_ABORTED');
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });

  test('agents/run of an agent that the token is not for: refused', async () => {
    const where = world();
    const narrow = person('eve', ['operator.read', 'operator.write'], ['main']);
    const error = await failure(call(where, 'agent.run', narrow, { ...input, agent: 'secret' }));
    assert.equal(error.code, 'AUTH_AGENT_NOT_ALLOWED');
    assert.equal(error.status, 403);
    assert.deepEqual(
      where.events.map(({ type, action, outcome, code }) => [type, action, outcome, code]),
      [['decision', 'agent.run', 'deny', 'AUTH_AGENT_NOT_ALLOWED']],
    );
    assert.deepEqual(where.started, []);
  });

  test('agents/agent hidden in the session key: refused', async () => {
    const where = world();
    const narrow = person('eve', ['operator.read', 'operator.write'], ['main']);
    const key = 'agent:secret:main';
    const error = await failure(call(where, 'agent.run', narrow, { ...input, sessionKey: key }));
    assert.equal(error.code, 'AUTH_AGENT_NOT_ALLOWED');
    const both = await failure(call(where, 'agent.run', BOB, { ...input, sessionKey: key, agent: 'main' }));
    assert.equal(both.code, 'OP_INPUT_INVALID');
    assert.deepEqual(where.started, []);
  });
});

describe('approvals, devices, tokens, configuration', () => {
  const approver = person('ann', ['operator.approvals'], ['main']);

  test('an approver sees and answers what concerns agents of its own, in its own name', async () => {
    const where = world();
    const { approvals } = await call(where, 'approvals.list', approver);
    assert.deepEqual(
      (approvals as ApprovalRecord[]).map(({ id }) => id),
      ['a-main'],
    );
    await call(where, 'approvals.approve', approver, { id: 'a-main', always: true });
    assert.deepEqual(where.did, [
      { resolve: 'a-main', decision: 'allow-always', approver: { principal: 'ann', credential: 'c-ann' } },
    ]);
  });

  for (const [id, more] of [
    ['approvals.approve', {}],
    ['approvals.deny', {}],
    ['approvals.resolve', { decision: 'allow-once' }],
    ['approvals.show', {}],
  ] as const) {
    test(`approvals/${id} for an agent of others: refused`, async () => {
      const where = world();
      const error = await failure(call(where, id, approver, { id: 'a-secret', ...more }));
      assert.equal(error.code, 'OP_APPROVAL_NOT_FOUND');
      assert.deepEqual(where.did, []);
    });
  }

  test("auth/somebody else's device removed without operator.admin: refused", async () => {
    const where = world();
    const eve = person('eve', ['operator.pairing']);
    assert.equal(
      (await failure(call(where, 'device.remove', eve, { deviceId: 'd-bob' }))).code,
      'AUTH_SCOPE_MISSING',
    );
    assert.deepEqual(where.did, []);
    assert.deepEqual((await call(where, 'device.list', eve))['paired'], []);
    await call(where, 'device.remove', person('bob', ['operator.pairing']), { deviceId: 'd-bob' });
    assert.deepEqual(where.did, [{ remove: 'd-bob' }]);
  });

  test('token.issue turns a lifetime into an expiry, and the token is in no record', async () => {
    const where = world();
    const input = { name: 'ci', scopes: ['operator.read'], expiresInMs: 500 };
    assert.equal((await call(where, 'token.issue', ADMIN, input))['token'], 'gth_id_topsecret_sum');
    const issued = { name: 'ci', scopes: ['operator.read'], agents: ['*'], expiresAt: 1_500 };
    assert.deepEqual(where.did, [{ issue: issued }]);
    assert.equal(where.events.length, 2);
    assert.ok(!JSON.stringify(where.events).includes('topsecret'));
  });

  test("auth/a token for agents that the issuer's own token is not for: refused", async () => {
    const narrow = person('narrow', ['operator.admin', 'operator.write'], ['main']);
    for (const agents of [['*'], ['secret'], ['main', 'secret']]) {
      const where = world();
      const input = { name: 'wider', scopes: ['operator.write'], agents };
      assert.equal((await failure(call(where, 'token.issue', narrow, input))).code, 'AUTH_AGENT_NOT_ALLOWED');
      assert.deepEqual(where.did, []);
      assert.ok(where.events.some((event) => event.code === 'AUTH_AGENT_NOT_ALLOWED'));
    }
    const where = world();
    await call(where, 'token.issue', narrow, { name: 'same', scopes: ['operator.write'] });
    assert.deepEqual(where.did, [{ issue: { name: 'same', scopes: ['operator.write'], agents: ['main'] } }]);
  });

  test("logs/the gateway's log without operator.admin: refused", async () => {
    const refused = await failure(call(world(), 'logs.tail', BOB));
    assert.deepEqual(
      [refused.code, refused.details['missingScope']],
      ['AUTH_SCOPE_MISSING', 'operator.admin'],
    );
  });

  test('token.issue refuses a scope that does not exist', async () => {
    const where = world();
    const input = { name: 'ci', scopes: ['operator.everything'] };
    assert.equal((await failure(call(where, 'token.issue', ADMIN, input))).code, 'OP_INPUT_INVALID');
    assert.deepEqual(where.did, []);
  });

  test('config.set keeps who did it from the transport, not from the input', async () => {
    const where = world();
    await call(where, 'config.set', ADMIN, { path: 'gateway.port', value: 1, reason: 'why' });
    assert.deepEqual(where.did, [
      { set: 'gateway.port', value: 1, by: { author: 'root', ticket: '', reason: 'why' } },
    ]);
    const forged = { path: 'gateway.port', value: 1, author: 'somebody' };
    assert.equal((await failure(call(where, 'config.set', ADMIN, forged))).code, 'OP_INPUT_INVALID');
  });

  test('config/change by an administrator whose rights exclude it: refused', async () => {
    const where = world();
    const rules = [{ id: 'ops', kind: 'operation.call', effect: 'allow' }] as const;
    const limited: Caller = { ...ADMIN, authority: authorityOf({ id: 'ceiling', rules }) };
    const error = await failure(call(where, 'config.set', limited, { path: 'gateway.port', value: 1 }));
    assert.equal(error.code, 'CONFIG_CHANGE_NOT_ALLOWED');
    assert.deepEqual(where.did, []);
    assert.ok(where.events.some(({ action, outcome }) => action === 'config.change' && outcome === 'deny'));
  });
});

const UNKNOWN_KEY: ConfigIssue = {
  path: 'gatway',
  code: 'CONFIG_UNKNOWN_KEY',
  message: 'not known',
  fix: 'remove it',
};
const WARNING: ConfigIssue = { ...UNKNOWN_KEY, path: 'agents', code: 'CONFIG_MODEL_UNNAMED' };

describe('doctor, ledger and sandbox', () => {
  test('doctor reports a gateway of another version than its caller', async () => {
    const same = await call(world(), 'doctor.run', ADMIN, { clientVersion: '2.0.0' });
    assert.deepEqual(same, { version: '2.0.0', worst: null, findings: [] });
    const other = await call(world(), 'doctor.run', ADMIN, { clientVersion: '1.0.0' });
    assert.equal(other['worst'], 'warning');
  });

  test('doctor reports a configuration file that the next start would refuse', async () => {
    const broken = world({ issues: [UNKNOWN_KEY] });
    const report = await call(broken, 'doctor.run', ADMIN, { clientVersion: '2.0.0' });
    assert.equal(report['worst'], 'high');
    assert.match(JSON.stringify(report['findings']), /CONFIG_UNKNOWN_KEY.*gatway: not known/);
  });

  test('doctor reports that egress is gone', async () => {
    const report = await call(world({ failing: ['egress'] }), 'doctor.run', ADMIN, {});
    assert.match(JSON.stringify(report['findings']), /EGRESS_UNAVAILABLE/);
  });

  test('config.reload tells a file that already runs from one that was refused', async () => {
    const reload = async (issues: readonly ConfigIssue[]) =>
      (await call(world({ issues, warnings: [WARNING] }), 'config.reload', ADMIN, {}))['unchanged'];
    assert.equal(await reload([]), true);
    assert.equal(await reload([UNKNOWN_KEY]), false);
  });

  test('ledger.tail --follow hands on what fits until the caller goes away', async () => {
    const where = world();
    const gone = new AbortController();
    const seen: unknown[] = [];
    const running = call(
      where,
      'ledger.tail',
      ADMIN,
      { follow: true, code: 'X', agent: 'main' },
      {
        signal: gone.signal,
        emit: (event) => seen.push((event as LedgerRecord).seq),
      },
    );
    await new Promise(setImmediate);
    where.append({ seq: 1, code: 'X', subject: { principal: 'p', agent: 'main' } });
    where.append({ seq: 2, code: 'Y', subject: { principal: 'p', agent: 'main' } });
    where.append({ seq: 3, code: 'X', subject: { principal: 'p' } });
    while (seen.length === 0) await new Promise(setImmediate);
    gone.abort();
    await running;
    where.append({ seq: 4, code: 'X', subject: { principal: 'p', agent: 'main' } });
    assert.deepEqual(seen, [1]);
  });

  test('sandbox.explain decides as the agent would be decided on, and names the rule', async () => {
    const allowed = await call(world(), 'sandbox.explain', BOB, { command: 'ls -la' });
    assert.deepEqual(allowed['decision'], {
      command: 'ls -la',
      effect: 'allow',
      code: 'DECISION_ALLOWED',
      rule: 'playbook:main/ls',
      reason: 'playbook:main says allow',
      commands: [{ command: 'ls -la', effect: 'allow', rule: 'playbook:main/ls' }],
      labels: [],
      unclear: [],
    });
    assert.deepEqual(allowed['isolation'], ['cwd /workspace', 'undefined']);
    const denied = (await call(world(), 'sandbox.explain', BOB, { command: 'ls; curl evil' }))['decision'];
    const { code, commands } = denied as { code: string; commands: { effect: string }[] };
    assert.equal(code, 'EXEC_COMMAND_NOT_ALLOWED');
    assert.deepEqual(
      commands.map(({ effect }) => effect),
      ['allow', 'deny'],
    );
  });

  test('an agent that the token is not for does not exist for it', async () => {
    const narrow = person('eve', ['operator.read'], ['main']);
    const input = { agent: 'secret' };
    assert.equal((await failure(call(world(), 'sandbox.explain', narrow, input))).code, 'OP_AGENT_UNKNOWN');
    const { agents } = await call(world(), 'agents.list', narrow);
    assert.deepEqual(
      (agents as { id: string }[]).map(({ id }) => id),
      ['main'],
    );
  });
});
