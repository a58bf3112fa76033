import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

const PLAYBOOK = `playbook: narrow
version: 1
owner: tests
review: 2030-01-01
purpose: Nothing runs without a grant but a wait.
prompt: You wait.
tools: { allow: [shell, read] }
commands:
  - allow: [sleep]
  - otherwise: deny
    reason: nothing else
files: { workspace: rw }
`;
const WHY = { ticket: 'OPS-9', reason: 'tests', forMs: 3_600_000 };
const EXEC = { kind: 'exec', match: ['command=seq 3 1000000000'], ...WHY };

let model: HostileModel;
let gateway: TestGateway;
let home: string;

before(async () => {
  model = await startHostileModel();
  home = temporaryHome();
  mkdirSync(join(home, 'playbooks'), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'playbooks', 'narrow.yaml'), PLAYBOOK, { mode: 0o600 });
  const base = configFor(model) as { agents: { defaults: object } };
  const agents = { defaults: base.agents.defaults, list: [{ id: 'main', playbook: 'narrow' }] };
  gateway = await startGateway({ home, config: { ...base, agents }, env: { OPENAI_API_KEY: 'sk-grants' } });
});

after(async () => {
  await gateway?.stop();
  await model?.[Symbol.asyncDispose]();
  await removeHome(home);
});

const shell = (command: string) => ({ tool: 'shell', args: { command } });
const say = (word: string) => operate(home, 'agent.run', { message: word, sessionKey: word });

async function grant(): Promise<string> {
  const { ok, result, error } = await operate(home, 'grant.add', EXEC);
  assert.ok(ok, error?.message);
  return (result['grant'] as { id: string }).id;
}

async function started(tool: string, many = 1): Promise<void> {
  await until(
    async () =>
      (await records(home, { action: 'tool.started' })).filter(({ subject }) => subject?.['tool'] === tool)
        .length >= many,
    'the tool did not start',
  );
}

test('grants/a command that runs under a grant which is revoked: stopped within a second, and no later call runs', async () => {
  const id = await grant();
  model.script('revoked', [
    { calls: [shell('seq 3 1000000000')] },
    { calls: [shell('seq 3 1000000000')] },
    { say: 'over' },
  ]);
  const turn = say('revoked');
  await started('shell');
  const at = performance.now();
  assert.ok((await operate(home, 'grant.revoke', { id })).ok);
  const { result } = await turn;
  const took = performance.now() - at;
  assert.match(JSON.stringify(result), /over/);
  const [first = '', second = ''] = model.toolResults('revoked');
  assert.match(first, /TOOL_RIGHT_ENDED/);
  assert.match(second, /EXEC_COMMAND_DENIED|Refused/);
  const ends = await records(home, { action: 'tool.finished' });
  assert.equal(ends.at(-1)?.code, 'TOOL_RIGHT_ENDED');
  assert.equal((await records(home, { action: 'tool.started' })).length, 1);
  assert.ok(took < 5_000, 'stopped long before the command could end by itself');
});

test('a grant that is made while a turn runs counts from its next call on, and a revoked one does not stop what needs none', async () => {
  model.script('widened', [
    { calls: [shell('sleep 2')] },
    { calls: [shell('seq 3 1000000000')] },
    { say: 'over' },
  ]);
  const turn = say('widened');
  await started('shell', 2);
  const other = await grant();
  await operate(home, 'grant.revoke', { id: other });
  const id = await grant();
  await started('shell', 3);
  await operate(home, 'grant.revoke', { id });
  await turn;
  const [waited = '', ran = ''] = model.toolResults('widened');
  assert.doesNotMatch(waited, /TOOL_/);
  assert.match(ran, /TOOL_RIGHT_ENDED/);
});
