import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotApplicable, SetupFailed } from '../../kernel/index.ts';
import { EXECUTION_DRILLS, type ExecutionRange } from './drills.ts';

const MARK = { id: 'd0123456789', address: '127.150.1.2', userAgent: 'gatehouse-drill/d0123456789' };

/** A range whose sandbox answers a script like this. */
function range(answer: (script: string) => string): ExecutionRange {
  return {
    run: 'r1',
    now: () => 0,
    mark: () => MARK,
    targets: [],
    agents: ['main'],
    secretPaths: ['/home/x/.gatehouse/keys/ledger.key'],
    gatewayPid: 4242,
    shell: async (_agent: string, script: string) => ({ output: answer(script) }),
  } as unknown as ExecutionRange;
}

function drill(id: string) {
  const found = EXECUTION_DRILLS.find((one) => one.id === id);
  assert.ok(found !== undefined);
  return found;
}

test('a sandbox that keeps everything in passes, and the script asks for the paths of this install', async () => {
  let asked = '';
  const attempts = await drill('execution.host-files').run(
    range((script) => {
      asked = script;
      return 'DRILL-ABLE\nDRILL-DONE\n';
    }),
  );
  assert.deepEqual(attempts[0]?.refusal, { code: 'EXEC_CONFINED' });
  assert.ok(asked.includes('/home/x/.gatehouse/keys/ledger.key'));
  assert.ok(asked.includes('/proc/4242/'));
});

test('a sandbox that lets one thing through fails, and the drill names it', async () => {
  const attempts = await drill('execution.namespaces').run(
    range(() => 'DRILL-ABLE\nDRILL-ESCAPED mounted a file system\nDRILL-DONE\n'),
  );
  assert.equal(attempts[0]?.refusal, undefined);
  assert.deepEqual(attempts[0]?.sideEffects, ['it worked: mounted a file system']);
});

test('a shell that cannot even look at what is allowed proves nothing', async () => {
  await assert.rejects(drill('execution.host-files').run(range(() => 'DRILL-DONE\n')), SetupFailed);
  await assert.rejects(drill('execution.host-files').run(range(() => 'DRILL-ABLE\n(timeout)')), SetupFailed);
});

test('a sandbox without any of the programs is no proof either way', async () => {
  const missing = [
    'mounted a file system',
    'made a user namespace',
    'made a mount namespace',
    'changed its root',
  ];
  const lines = [...missing, "entered another process's namespaces"].map((name) => `DRILL-MISSING ${name}`);
  await assert.rejects(
    drill('execution.namespaces').run(range(() => ['DRILL-ABLE', ...lines, 'DRILL-DONE'].join('\n'))),
    NotApplicable,
  );
});
