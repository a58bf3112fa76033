import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { ready, records } from '../fixtures/operator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

/** Findings about sshd and the account, which belong to the machine. */
const MACHINE = /^REACH_/;
const KEY = 'sk-first-session-0123456789abcdef';
const env = { OPENAI_API_KEY: KEY };

let model: HostileModel;
let home: string;
let gateway: RunningCommand;
let url: string;
let firstToken: string;

const cli = (...args: string[]) => runCli(home, args, { env });

/** Every file of the home that is text or holds text, as one string. */
function everythingWritten(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n');
}

async function start(): Promise<RunningCommand> {
  const started = startCommand(home, ['gateway', 'run'], { env });
  await started.until(/doctor\n/);
  return started;
}

before(async () => {
  model = await startHostileModel();
  home = temporaryHome();
  // The shape of the file is the operator's; the rest of the home is made by the gateway.
  const agents = {
    defaults: { model: 'hostile/hostile' },
    entries: { main: { default: true }, brief: { turn: { approvalSeconds: 5 } } },
  };
  writeFileSync(join(home, 'gatehouse.json'), JSON.stringify({ ...configFor(model), agents }), {
    mode: 0o600,
  });
  gateway = await start();
  url = `http://127.0.0.1:${/ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stdout())?.[1]}`;
  firstToken = /^ {2}(gth_\S+)$/m.exec(gateway.stdout())?.[1] ?? '';
});

after(async () => {
  await gateway.kill('SIGTERM');
  await model[Symbol.asyncDispose]();
  await removeHome(home);
});

describe('the first start', () => {
  test('prints the posture that was measured, and what to type next', () => {
    for (const area of ['listen', 'credentials', 'sessions', 'egress', 'execution', 'ledger']) {
      assert.match(gateway.stdout(), new RegExp(`^ {2}ok {3}${area} `, 'm'));
    }
    assert.match(gateway.stdout(), /agent --message/);
  });

  test('prints a token once, and keeps it nowhere', () => {
    assert.equal(gateway.stdout().split(firstToken).length, 2);
    assert.equal(everythingWritten(home).includes(firstToken), false);
    assert.equal(everythingWritten(home).includes(firstToken.split('_')[2] ?? ''), false);
  });

  test('leaves everything to its owner alone', () => {
    const open = readdirSync(home, { withFileTypes: true }).filter(
      (entry) => (modeOf(join(home, entry.name)) & 0o077) !== 0,
    );
    assert.deepEqual(
      open.map(({ name }) => name),
      [],
    );
  });

  test('answers whoever asks whether it lives and is ready', async () => {
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(url + path)).status, 200, path);
  });
});

describe('a message', () => {
  test('streams the answer, and shows the tool call and its decision', async () => {
    model.script('which', [
      { say: 'Let me look. ', calls: [{ tool: 'shell', args: { command: 'uname -s' } }] },
      { say: 'It is Linux.' },
    ]);
    const { code, stdout, stderr } = await cli('agent', '--message', 'which system is this?');
    assert.equal(code, 0);
    assert.match(stdout, /Let me look\.\s+It is Linux\.\n/);
    assert.match(stderr, /shell {2}uname -s\n {2}allow {2}DECISION_ALLOWED {2}rule playbook:default\//);
    assert.match(model.toolResults('which').join(), /Linux/);
  });

  test('is one JSON document for a program', async () => {
    const { json, stderr } = await cli('agent', '--message', 'hello', '--json');
    assert.equal((json as { text: string }).text, 'done');
    assert.equal(stderr, '');
  });

  test('goes on with the same conversation in a chat', async () => {
    const chat = startCommand(home, ['chat', '--session-key', 'talk'], { env });
    chat.write('first line');
    await chat.until(/done/);
    chat.write('second line');
    chat.endInput();
    assert.equal(await chat.ended, 0);
    const history = await cli('chat', 'history', 'talk', '--json');
    assert.match(history.stdout, /first line[^]*second line/);
  });
});

describe('an approval', () => {
  /** A turn that stands still until somebody answers. */
  async function asks(word: string, command: string, agent = 'main') {
    model.script(word, [{ calls: [{ tool: 'shell', args: { command } }] }, { say: 'after it' }]);
    const turn = startCommand(home, ['agent', '--agent', agent, '--session-key', word, '--message', word], {
      env,
    });
    const [, id = ''] = await turn.until(/approvals approve (\S+)/);
    return { turn, id };
  }
  let expiring: Awaited<ReturnType<typeof asks>>;
  // Its five seconds pass while the others are answered.
  before(async () => {
    expiring = await asks('late', 'echo late | tee -a log', 'brief');
  });
  const appended = (agent: string) => readFileSync(join(home, 'workspaces', agent, 'log'), 'utf8');

  test('is listed and given by a second process, and what was approved runs once', async () => {
    const { turn, id } = await asks('approve', 'echo once | tee -a log');
    const listed = await cli('approvals', 'list', '--json');
    assert.match(listed.stdout, /echo once \| tee -a log/);
    assert.equal((await cli('approvals', 'approve', id)).code, 0);
    assert.equal(await turn.ended, 0);
    assert.equal(appended('main'), 'once\n');
    // The same answer again is not another approval.
    const { json } = await cli('approvals', 'approve', id, '--json');
    assert.equal((json as { approval: { status: string } }).approval.status, 'consumed');
    assert.equal(appended('main'), 'once\n');
  });

  test('approvals/a command that a person denied: refused', async () => {
    const { turn, id } = await asks('denied', 'echo denied | tee -a log');
    assert.equal((await cli('approvals', 'deny', id)).code, 0);
    assert.equal(await turn.ended, 0);
    assert.match(model.toolResults('denied').join(), /APPROVAL_DENIED/);
    assert.equal(appended('main'), 'once\n');
    const answers = await records(home, { action: 'approval.resolved' });
    assert.equal(answers.at(-1)?.outcome, 'deny');
    const late = await cli('approvals', 'approve', id);
    assert.match(late.stderr, /APPROVAL_ALREADY_RESOLVED/);
    assert.equal((await records(home, { type: 'approval', code: 'APPROVAL_ALREADY_RESOLVED' })).length, 1);
  });

  test('approvals/a command whose approval expired: refused', async () => {
    const { turn, id } = expiring;
    assert.equal(await turn.ended, 0);
    assert.match(model.toolResults('late').join(), /APPROVAL_EXPIRED/);
    assert.match((await cli('approvals', 'approve', id)).stderr, /APPROVAL_EXPIRED/);
    assert.equal((await records(home, { type: 'approval', code: 'APPROVAL_EXPIRED' })).length > 0, true);
    assert.throws(() => appended('brief'), { code: 'ENOENT' });
  });
});

describe('sessions', () => {
  test('are listed and shown', async () => {
    const list = await cli('sessions', 'list', '--json');
    const { sessions } = list.json as { sessions: readonly { key: string }[] };
    assert.equal(
      sessions.some(({ key }) => key === 'agent:main:main'),
      true,
    );
    const shown = await cli('sessions', 'show', 'main', '--json');
    assert.match(shown.stdout, /"agent:main:main"/);
  });

  test('stop what they are doing when they are told to', async () => {
    model.script('endless', [{ hold: true }]);
    const turn = startCommand(home, ['agent', '--session-key', 'endless', '--message', 'endless'], { env });
    const { ended } = await model.held('endless');
    assert.equal((await cli('sessions', 'abort', 'endless')).code, 0);
    assert.equal(await turn.ended, 1);
    await ended;
  });
});

describe('the configuration', () => {
  test('is checked under both names', async () => {
    for (const words of [['config', 'validate'], ['config:validate']]) {
      const { code, json } = await cli(...words, '--json');
      assert.deepEqual([code, json], [0, { ok: true, issues: [] }], words.join(' '));
    }
  });

  test('is read, changed, compared and put back', async () => {
    const prompt = 'agents.defaults.systemPrompt';
    const first = await cli('config', 'set', prompt, 'Be brief.', '--reason', 'short', '--json');
    const second = await cli('config', 'set', prompt, 'Be long.', '--ticket', 'T-1', '--json');
    const numberOf = (result: { json: unknown }) =>
      (result.json as { snapshot: { number: number } }).snapshot.number;
    assert.deepEqual((await cli('config', 'get', prompt, '--json')).json, {
      path: prompt,
      value: 'Be long.',
    });
    const [from, to] = [String(numberOf(first)), String(numberOf(second))];
    assert.match((await cli('config', 'diff', from, to)).stdout, /-.*Be brief\.[^]*\+.*Be long\./);
    assert.match((await cli('config', 'history')).stdout, /short/);
    assert.equal((await cli('config', 'rollback', from, '--reason', 'too long')).code, 0);
    assert.deepEqual((await cli('config', 'get', prompt, '--json')).json, {
      path: prompt,
      value: 'Be brief.',
    });
    const changes = await records(home, { type: 'change', action: 'config.rollback' });
    assert.equal(changes.at(-1)?.outcome, 'success');
  });

  test('has a JSON Schema for editors', async () => {
    const { json } = await cli('config', 'schema');
    assert.equal((json as { type: string }).type, 'object');
  });
});

describe('a running gateway', () => {
  test('issues a token that works at once', async () => {
    const { json } = await cli('token', 'issue', 'reader', '--scopes', 'operator.read', '--json');
    const { token } = json as { token: string };
    const answer = await fetch(`${url}/api/v1/sessions.list`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(answer.status, 200);
  });

  test('shows how a command would be confined, and runs one', async () => {
    const explained = await cli('sandbox', 'explain', 'git push', '--json');
    assert.match(explained.stdout, /EXEC_COMMAND_ASK/);
    const run = await cli('sandbox', 'exec', 'id -u');
    assert.deepEqual([run.code, run.stdout], [0, '1000\n']);
  });

  test('says which rule would refuse a destination', async () => {
    const { code, stdout } = await cli('egress', 'check', 'https://example.com');
    assert.equal(code, 3);
    assert.match(stdout, /EGRESS_HOST_NOT_ALLOWED/);
  });

  test('is found to be sound, and its ledger whole', async () => {
    const { json: doctor } = await cli('doctor', '--json');
    // Of this machine and the account that the test runs as, which are not the gateway's to decide.
    const own = (doctor as { findings: { id: string }[] }).findings.filter(({ id }) => !MACHINE.test(id));
    // Whose key could read a backup is for a person to say, so a new install has none.
    assert.deepEqual(
      own.map(({ id }) => id),
      ['BACKUP_NONE_CONFIGURED'],
    );
    const { code, json } = await cli('ledger', 'verify', '--json');
    assert.equal(code, 0);
    assert.equal((json as { ok: boolean }).ok, true);
  });

  test('completes commands in bash', async () => {
    const { code, stdout } = await cli('completion', 'bash');
    assert.equal(code, 0);
    assert.match(stdout, /complete .*gatehouse/);
  });
});

describe('a stopped gateway', () => {
  before(async () => {
    assert.equal((await cli('gateway', 'stop')).code, 0);
    assert.equal(await gateway.ended, 0);
  });

  test('leaves a home on which the command line still works', async () => {
    const issued = await cli(
      'token',
      'issue',
      'offline',
      '--scopes',
      'operator.read,operator.write',
      '--json',
    );
    assert.match((issued.json as { token: string }).token, /^gth_/);
    assert.match((await cli('sessions', 'list')).stdout, /agent:main:main/);
    assert.equal((await cli('ledger', 'verify')).code, 0);
    const agent = await cli('agent', '--message', 'hello');
    assert.equal(agent.code, 4);
    assert.match(agent.stderr, /CLI_GATEWAY_NOT_RUNNING/);
    assert.equal((await cli('gateway', 'status')).code, 4);
  });

  test('starts again detached without another token, restarts and stops', async () => {
    const started = await cli('gateway', 'start', '--json');
    assert.equal(started.code, 0, started.stderr);
    const report = started.json as { pid: number; token?: string };
    assert.equal(report.token, undefined);
    const status = await cli('gateway', 'status', '--json');
    assert.equal((status.json as { pid: number }).pid, report.pid);
    assert.equal((await cli('gateway', 'restart')).code, 0);
    await ready(home);
    const hello = await cli('agent', '--message', 'hello');
    assert.deepEqual([hello.code, hello.stdout], [0, 'done\n'], hello.stderr);
    assert.equal((await cli('gateway', 'stop')).code, 0);
    await allEnded(home);
  });

  test('starts again in the foreground without another token, and with everything that was said', async () => {
    gateway = await start();
    assert.doesNotMatch(gateway.stdout(), /gth_/);
    assert.match((await cli('chat', 'history', 'talk', '--json')).stdout, /second line/);
  });
});

function modeOf(path: string): number {
  return statSync(path).mode;
}
