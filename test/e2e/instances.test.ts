import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { operate, records } from '../fixtures/operator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

interface Listed {
  readonly name: string;
  readonly home: string;
  readonly port: number;
  readonly unit: string;
  readonly running: boolean;
}

/** Home of the account, in which the instances are listed. */
let account: string;
let registry: string;
const started: ReturnType<typeof startCommand>[] = [];

before(() => {
  account = temporaryHome();
  registry = join(account, '.config', 'gatehouse', 'instances.json');
});

after(async () => {
  for (const one of started) await one.kill('SIGTERM').catch(() => undefined);
  for (const name of ['one', 'two']) await allEnded(join(account, name));
  await removeHome(account);
});

const cli = (...words: readonly string[]) =>
  runCli(join(account, 'one'), ['instances', ...words, '--json'], { env: { HOME: account } });

async function added(name: string, port: number): Promise<Listed> {
  const { code, json, stderr } = await cli(
    'add',
    name,
    '--home',
    join(account, name),
    '--port',
    String(port),
  );
  assert.equal(code, 0, stderr);
  return (json as { instance: Listed }).instance;
}

test('two instances run at once, each with its own home, ports, unit, token and ledger', async () => {
  const base = 20_000 + (process.pid % 20_000);
  const both = [await added('one', base), await added('two', base + 10)];
  assert.deepEqual(
    both.map(({ unit }) => unit),
    ['gatehouse-one.service', 'gatehouse-two.service'],
  );
  const tokens = await Promise.all(
    both.map(async ({ home, port }) => {
      const env = { HOME: account, GATEHOUSE_PORT: String(port) };
      const one = startCommand(home, ['gateway', 'run'], { env });
      started.push(one);
      await one.until(/doctor\n/);
      assert.match(one.stdout(), new RegExp(`ready on http://127.0.0.1:${port}`));
      return /gth_\S+/.exec(one.stdout())?.[0];
    }),
  );
  assert.equal(new Set(tokens).size, 2);
  const { json } = await cli('list');
  assert.deepEqual(
    (json as { instances: Listed[] }).instances.map(({ name, running }) => [name, running]),
    [
      ['one', true],
      ['two', true],
    ],
  );
  await operate(both[0]?.home ?? '', 'token.issue', { name: 'mine', scopes: ['operator.read'] });
  assert.equal((await records(both[1]?.home ?? '', { action: 'token.issue' })).length, 0);
  const { error } = await operate(both[0]?.home ?? '', 'instances.remove', { name: 'two' });
  assert.equal(error?.code, 'INSTANCE_RUNNING');
});

test('instances/a name, home or port that collides, or that is none: refused, and the list stays', async () => {
  const text = readFileSync(registry, 'utf8');
  const [one] = JSON.parse(text) as Listed[];
  const wrong = [
    [['one', '--home', join(account, 'x')], 'INSTANCE_TAKEN'],
    [['three', '--home', join(account, 'one', 'inside')], 'INSTANCE_TAKEN'],
    [['three', '--home', join(account, 'x'), '--port', String((one?.port ?? 0) + 3)], 'INSTANCE_TAKEN'],
    [['Three'], 'INSTANCE_INVALID'],
    [['three', '--home', 'relative'], 'INSTANCE_INVALID'],
    [['three', '--port', '80'], 'INSTANCE_INVALID'],
  ] as const;
  for (const [words, code] of wrong) {
    const answer = await cli('add', ...words);
    assert.notEqual(answer.code, 0);
    assert.match(`${answer.stdout}${answer.stderr}`, new RegExp(code), words.join(' '));
  }
  assert.equal(readFileSync(registry, 'utf8'), text);
  assert.match(JSON.stringify(await cli('remove', 'nobody')), /INSTANCE_UNKNOWN/);
});

test('doctor finds instances that somebody made collide by hand, and a list that cannot be read', async () => {
  const home = join(account, 'one');
  const ids = async () =>
    ((await operate(home, 'doctor.run')).result as { findings: { id: string }[] }).findings.map(
      ({ id }) => id,
    );
  assert.equal((await ids()).includes('INSTANCES_COLLIDE'), false);
  const [one, two] = JSON.parse(readFileSync(registry, 'utf8')) as Listed[];
  writeFileSync(registry, JSON.stringify([one, { ...two, port: one?.port }]));
  assert.ok((await ids()).includes('INSTANCES_COLLIDE'));
  writeFileSync(registry, 'not a list');
  assert.ok((await ids()).includes('INSTANCES_UNREADABLE'));
  assert.equal((await operate(home, 'instances.list')).error?.code, 'INSTANCE_REGISTRY_BROKEN');
});
