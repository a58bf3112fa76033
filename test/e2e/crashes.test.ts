import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { operate, ready, records, until } from '../fixtures/operator.ts';
import { allEnded, processesOf, processesWith, removeHome } from '../fixtures/processes.ts';

const env = { OPENAI_API_KEY: 'sk-crashes-0123456789abcdef' };
/** No other process of the machine sleeps for this long. */
const NAP = '31173';

let model: HostileModel;
let home: string;
let gateway: RunningCommand;

const cli = (...args: string[]) => runCli(home, args, { env });
const say = (word: string) =>
  startCommand(home, ['agent', '--session-key', word, '--message', word, '--detached'], { env });
const shell = (command: string) => ({ calls: [{ tool: 'shell', args: { command } }] });
const written = (name: string) => readFileSync(join(home, 'workspaces', 'main', name), 'utf8');

async function start(): Promise<void> {
  gateway = startCommand(home, ['gateway', 'run'], { env });
  await gateway.until(/doctor\n/);
}

async function newHome(): Promise<void> {
  home = temporaryHome();
  writeFileSync(join(home, 'gatehouse.json'), JSON.stringify(configFor(model)), { mode: 0o600 });
  await start();
}

before(async () => {
  model = await startHostileModel();
});

after(async () => {
  await model[Symbol.asyncDispose]();
});

describe('kill -9 of the gateway', () => {
  let asked: string;
  let approved: string;

  before(async () => {
    await newHome();
    model.script('streaming', [{ hold: true }]);
    model.script('running', [shell(`echo ran | tee -a ran; sleep ${NAP}`)]);
    model.script('waiting', [shell('echo waited | tee -a waited'), { say: 'it went on' }]);
    const streaming = say('streaming');
    const running = say('running');
    const waiting = say('waiting');
    [, approved = ''] = await running.until(/approvals approve (\S+)/);
    assert.equal((await cli('approvals', 'approve', approved)).code, 0);
    [, asked = ''] = await waiting.until(/approvals approve (\S+)/);
    await model.held('streaming');
    await until(
      () => processesWith(NAP).length > 0 && written('ran') === 'ran\n',
      'the command does not run',
    );
    await gateway.kill('SIGKILL');
    for (const command of [streaming, running, waiting]) assert.notEqual(await command.ended, 0);
  });

  after(async () => {
    await gateway.kill('SIGTERM');
    await removeHome(home);
  });

  test('ends egress, keeper and everything in a sandbox with it', async () => {
    await allEnded(home);
    await until(() => processesWith(NAP).length === 0, 'the sandboxed command is left');
  });

  test('is repaired and reported by the next start', async () => {
    await start();
    assert.match(gateway.stdout(), /^2 turns were cut off .*interrupted\.$/m);
    assert.match(gateway.stdout(), /^1 turn waits for an approval again: /m);
    const interrupted = await records(home, { action: 'turn.interrupted' });
    assert.deepEqual(
      interrupted.map(({ outcome, code }) => [outcome, code]),
      [
        ['unknown', 'TURN_INTERRUPTED'],
        ['unknown', 'TURN_INTERRUPTED'],
      ],
    );
    const history = await cli('chat', 'history', 'running', '--json');
    assert.match(history.stdout, /outcome is unknown/);
  });

  test('execution/what may have run already: refused', async () => {
    assert.equal(written('ran'), 'ran\n');
    assert.deepEqual([model.calls('streaming'), model.calls('running')], [1, 1]);
    await cli('approvals', 'approve', approved);
    assert.equal(written('ran'), 'ran\n');
    assert.equal(processesWith(NAP).length, 0);
  });

  test('leaves an approval that can still be given, and then runs what it allows once', async () => {
    const { approvals } = (await operate(home, 'approvals.list')).result as { approvals: { id: string }[] };
    assert.deepEqual(
      approvals.map(({ id }) => id),
      [asked],
    );
    assert.equal((await cli('approvals', 'approve', asked)).code, 0);
    const said = async () => (await cli('chat', 'history', 'waiting', '--json')).stdout;
    await until(async () => (await said()).includes('it went on'), 'the turn did not go on');
    assert.equal(written('waited'), 'waited\n');
    await cli('approvals', 'approve', asked);
    assert.equal(written('waited'), 'waited\n');
  });

  test('leaves sessions that go on and a ledger that verifies', async () => {
    const again = await cli('agent', '--session-key', 'streaming', '--message', 'again');
    assert.deepEqual([again.code, again.stdout], [0, 'done\n'], again.stderr);
    assert.equal((await cli('ledger', 'verify')).code, 0);
  });
});

describe('kill -9 of a gateway that nobody collects, as in a container without an init', () => {
  let parent: RunningCommand;

  before(async () => {
    home = temporaryHome();
    // The gateway's parent becomes a program that waits for nobody.
    const within = ['sh', '-c', `"$@" & exec sleep ${NAP}`, 'sh'];
    parent = startCommand(home, ['gateway', 'run'], { within });
    await parent.until(/doctor\n/);
  });

  after(async () => {
    await parent.kill('SIGKILL');
    await removeHome(home);
  });

  test('ends egress and keeper all the same', async () => {
    const gatewayPid = (await operate(home, 'gateway.status')).result['pid'] as number;
    process.kill(gatewayPid, 'SIGKILL');
    await until(() => processesOf(home).every(({ pid }) => pid === parent.pid), 'egress or keeper are left');
    assert.match(readFileSync(`/proc/${gatewayPid}/stat`, 'latin1'), /\) Z /);
  });
});

describe('an egress process that ends', () => {
  before(newHome);

  after(async () => {
    await gateway.kill('SIGTERM');
    await removeHome(home);
  });

  /** Egress, and the keeper that starts it and so names it among its arguments. */
  function pids(): { readonly egress: number; readonly keeper: number } {
    const both = processesOf(home).filter(({ argv }) => argv.includes('egress'));
    const keeper = both.find(({ argv }) => argv.includes('gatehouse-keeper'));
    const egress = both.find((one) => one !== keeper);
    assert.ok(egress !== undefined && keeper !== undefined);
    return { egress: egress.pid, keeper: keeper.pid };
  }

  test('egress/a call while egress is down: refused', async () => {
    const { egress, keeper } = pids();
    // The keeper is held back, so that egress stays away for as long as this test looks.
    process.kill(keeper, 'SIGSTOP');
    process.kill(egress, 'SIGKILL');
    try {
      await until(async () => (await fetchReady()) === 503, 'the gateway does not notice');
      const { ok, error } = await operate(home, 'egress.check', { url: 'https://example.com' });
      assert.deepEqual([ok, error.code], [false, 'EGRESS_UNAVAILABLE']);
      const turn = await cli('agent', '--message', 'hello');
      assert.equal(turn.code, 1);
      assert.match(turn.stderr, /MODEL_UNAVAILABLE: .* the egress process is not running/);
      assert.equal(model.calls('hello'), 0);
    } finally {
      process.kill(keeper, 'SIGCONT');
    }
  });

  test('comes back by itself, and the next turn works', async () => {
    await ready(home);
    assert.equal(await fetchReady(), 200);
    const turn = await cli('agent', '--message', 'hello');
    assert.deepEqual([turn.code, turn.stdout], [0, 'done\n'], turn.stderr);
  });

  async function fetchReady(): Promise<number> {
    const [, port] = /ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stdout()) ?? [];
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
  }
});

describe('SIGTERM', () => {
  before(newHome);
  after(() => removeHome(home));

  test('to every process, as service managers send it, lets a running turn finish', async () => {
    // What is left of the turn needs the sandbox, and egress once more.
    model.script('unfinished', [{ hold: true, ...shell('uname -s') }, { say: 'and its end' }]);
    const turn = say('unfinished');
    const held = await model.held('unfinished');
    for (const { pid, argv } of processesOf(home)) {
      if (!argv.includes('agent')) process.kill(pid, 'SIGTERM');
    }
    await until(async () => (await refusedWhileDraining()) !== undefined, 'new turns are still taken');
    held.release();
    assert.equal(await turn.ended, 0);
    assert.match(turn.stdout(), /half an answer\s+and its end/);
    assert.equal(await gateway.ended, 0);
    await allEnded(home);
    // Egress was there until the last record was signed.
    assert.doesNotMatch(readFileSync(join(home, 'logs', 'gateway.log'), 'utf8'), /LEDGER_CHECKPOINT_FAILED/);
    assert.equal((await cli('ledger', 'verify')).code, 0);
    assert.match((await cli('chat', 'history', 'unfinished', '--json')).stdout, /and its end/);
  });

  /** Code of the refusal of a new turn, undefined while it is taken. */
  async function refusedWhileDraining(): Promise<string | undefined> {
    const { ok, error } = await operate(home, 'agent.run', { message: 'late', sessionKey: 'late' });
    return ok ? undefined : error.code;
  }
});
