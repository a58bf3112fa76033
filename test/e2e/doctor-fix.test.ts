import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { operate, records } from '../fixtures/operator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

let home: string;
let gateway: RunningCommand;

const at = (...names: string[]) => join(home, ...names);
const modeOf = (path: string) => statSync(path).mode & 0o777;
const cli = (...args: string[]) => runCli(home, args);

interface Step {
  readonly step: { readonly kind: string; readonly path: string };
  readonly status: string;
  readonly note: string;
}
interface Repair {
  readonly number: number;
  readonly status: string;
  readonly steps: readonly Step[];
  readonly before: { readonly snapshot: number; readonly findings: Readonly<Record<string, number>> };
  readonly after: { readonly snapshot: number; readonly findings: Readonly<Record<string, number>> };
}
const repairOf = ({ result }: { result: Readonly<Record<string, unknown>> }) => result['repair'] as Repair;
const found = async () =>
  ((await operate(home, 'doctor.run')).result['findings'] as { id: string }[]).map(({ id }) => id);

const DRAFT = '.0123456789ab.tmp';

/** What a killed process, a careless copy and time leave in a home. */
async function mess(): Promise<void> {
  chmodSync(at('logs', 'gateway.log'), 0o644);
  chmodSync(at('logs'), 0o755);
  rmdirSync(at('policy'));
  writeFileSync(at('playbooks', DRAFT), 'half');
  utimesSync(at('playbooks', DRAFT), 1, 1);
  const server = createServer().listen(at('run', 'runs', 'stale.sock'));
  await new Promise((resolve) => server.once('listening', resolve));
  // The name stays when the process is killed; here it is put back after an orderly end.
  const { linkSync } = await import('node:fs');
  linkSync(at('run', 'runs', 'stale.sock'), at('run', 'runs', 'left.sock'));
  await new Promise((resolve) => server.close(resolve));
}

async function start(): Promise<void> {
  gateway = startCommand(home, ['gateway', 'run'], {});
  await gateway.until(/doctor\n/);
}

before(async () => {
  home = temporaryHome();
  const ended = {
    id: 'old',
    kind: 'net.connect',
    layer: 'ceiling',
    match: { host: ['example.com'] },
    owner: 'ops',
    ticket: 'T-1',
    reason: 'x',
    expires: '2020-01-01T00:00:00Z',
  };
  writeFileSync(at('gatehouse.json'), JSON.stringify({ grants: [ended] }), { mode: 0o600 });
  await start();
  await mess();
});

after(async () => {
  await gateway.kill('SIGTERM');
  await removeHome(home);
});

describe('doctor --fix', () => {
  test('finds what it would put right, and says so without touching it', async () => {
    const ids = await found();
    for (const id of [
      'HOME_FILE_OPEN',
      'HOME_FOLDER_MISSING',
      'HOME_SOCKET_STALE',
      'HOME_LEFTOVER',
      'GRANT_LINE_ENDED',
    ])
      assert.ok(ids.includes(id), id);
    const dry = await operate(home, 'doctor.fix', { dryRun: true });
    assert.ok((dry.result['planned'] as Step[]).length >= 6);
    assert.equal(modeOf(at('logs')), 0o755);
    assert.equal(existsSync(at('policy')), false);
  });

  test('doctor/repaired by somebody who may only read: refused, and nothing is changed', async () => {
    const issued = await operate(home, 'token.issue', {
      name: 'reader',
      scopes: ['operator.read', 'operator.write'],
    });
    const { port } = JSON.parse(readFileSync(at('run', 'gateway.json'), 'utf8')) as { port: number };
    for (const [id, input] of [
      ['doctor.fix', {}],
      ['doctor.undo', { repair: 1 }],
    ] as const) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${id}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${String(issued.result['token'])}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(input),
      });
      assert.equal(answer.status, 403);
    }
    assert.equal(modeOf(at('logs')), 0o755);
    const refusals = await records(home, { type: 'decision', code: 'AUTH_SCOPE_MISSING' });
    assert.ok(refusals.some(({ data }) => data?.['operation'] === 'doctor.fix'));
  });

  test('puts it right, keeps what was found before and after, and is on record', async () => {
    const fixed = await cli('doctor', '--fix', '--reason', 'test', '--json');
    const { repair } = fixed.json as { repair: Repair };
    assert.equal(repair.status, 'done');
    assert.equal(modeOf(at('logs')), 0o700);
    assert.equal(modeOf(at('logs', 'gateway.log')), 0o600);
    assert.equal(modeOf(at('policy')), 0o700);
    assert.equal(existsSync(at('run', 'runs', 'left.sock')), false);
    assert.equal(existsSync(at('playbooks', DRAFT)), false);
    assert.equal((await operate(home, 'config.get', { path: '' })).ok, true);
    assert.equal(repair.before.findings['HOME_FILE_OPEN'], 1);
    assert.equal(repair.after.findings['HOME_FILE_OPEN'], undefined);
    assert.ok(repair.after.snapshot > repair.before.snapshot);
    const [done] = (await records(home, { type: 'change', action: 'repair.done' })).slice(-1);
    assert.equal(done?.data?.['number'], repair.number);
    assert.equal((await cli('config', 'validate')).code, 0);
  });

  test('a second time there is nothing to do', async () => {
    const { result } = await operate(home, 'doctor.fix');
    assert.equal(result['repair'], null);
  });

  test('is taken back with one command, and only once', async () => {
    const [{ number } = { number: 0 }] = (await operate(home, 'doctor.history')).result[
      'repairs'
    ] as Repair[];
    const undone = repairOf(await operate(home, 'doctor.undo', { repair: number }));
    assert.equal(modeOf(at('logs')), 0o755);
    assert.equal(readFileSync(at('playbooks', DRAFT), 'utf8'), 'half');
    assert.equal(existsSync(at('policy')), false);
    assert.deepEqual(
      undone.steps.filter(({ status }) => status !== 'undone').map(({ step, status }) => [step.kind, status]),
      [['socket', 'kept']],
    );
    assert.match(readFileSync(at('gatehouse.json'), 'utf8'), /"?id"?: ?"old"/);
    assert.equal((await operate(home, 'doctor.undo', { repair: number })).error.code, 'REPAIR_UNDONE');
    assert.equal((await operate(home, 'doctor.undo', { repair: 99 })).error.code, 'REPAIR_UNKNOWN');
  });

  test('doctor/a link put in place of a file that is to be repaired: its target keeps its mode', async () => {
    await operate(home, 'doctor.fix');
    const target = at('workspaces', 'main', 'target');
    writeFileSync(target, 'x');
    chmodSync(target, 0o666);
    symlinkSync(target, at('policy', 'egress.yaml.bak'));
    const { result } = await operate(home, 'doctor.fix');
    assert.equal(result['repair'], null);
    assert.equal(modeOf(target), 0o666);
    assert.ok((await found()).includes('HOME_LINK'));
    unlinkSync(at('policy', 'egress.yaml.bak'));
  });

  test('what cannot be changed is said, and the rest is done', async () => {
    mkdirSync(at('backups'), { mode: 0o700, recursive: true });
    writeFileSync(at('backups', 'open'), 'x');
    chmodSync(at('backups', 'open'), 0o644);
    const { result } = await operate(home, 'doctor.fix');
    const repair = result['repair'] as Repair;
    assert.equal(repair.status, 'done');
    // Somebody else's change after the repair is not taken back with it.
    chmodSync(at('backups', 'open'), 0o400);
    const undone = repairOf(await operate(home, 'doctor.undo', { repair: repair.number }));
    assert.equal(undone.steps.find(({ step }) => step.path.endsWith('open'))?.status, 'kept');
    assert.equal(modeOf(at('backups', 'open')), 0o400);
  });
});

test('killed in the middle of a repair, the next start says what was done and what was not', async () => {
  await gateway.kill('SIGKILL');
  await allEnded(home);
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(at('state', 'state.db'));
  chmodSync(at('logs', 'gateway.log'), 0o600);
  const steps = [
    {
      step: { kind: 'mode', path: at('logs', 'gateway.log'), from: 0o644, to: 0o600 },
      status: 'planned',
      note: '',
    },
    { step: { kind: 'folder', path: at('workspaces', 'never-made') }, status: 'planned', note: '' },
  ];
  db.prepare(
    "insert into repairs (at, author, reason, status, steps, before) values (1, 'local', '', 'running', ?, '{\"findings\":{},\"snapshot\":1}')",
  ).run(JSON.stringify(steps));
  db.close();
  await start();
  const [cut] = (await operate(home, 'doctor.history')).result['repairs'] as Repair[];
  assert.equal(cut?.status, 'cut-off');
  assert.deepEqual(
    cut?.steps.map(({ status }) => status),
    ['done', 'failed'],
  );
  const [said] = (await records(home, { type: 'change', action: 'repair.cut-off' })).slice(-1);
  assert.equal(said?.data?.['number'], cut?.number);
});
