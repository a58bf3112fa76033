import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { operate } from '../fixtures/operator.ts';

let gateway: TestGateway;

interface Item {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly state: string;
  readonly touches: string;
  readonly expires: number | null;
  readonly lastUsed: number | null;
}

async function inventory(
  name: string,
  format?: string,
): Promise<{ readonly items: readonly Item[]; readonly text: string }> {
  const { ok, result, error } = await operate(
    gateway.home,
    `inventory.${name}`,
    format === undefined ? {} : { format },
  );
  assert.ok(ok, error?.message);
  return result as unknown as { items: Item[]; text: string };
}

before(async () => {
  gateway = await startGateway({});
});

after(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

describe('gatehouse inventory', () => {
  test('names owner, expiry, last use and what may be touched of everything there is', async () => {
    const issue = [
      'token',
      'issue',
      'ci',
      '--scopes',
      'operator.read',
      '--owner',
      'team-a',
      '--expires-in',
      '30d',
      '--json',
    ];
    const issued = await gateway.cli(issue);
    assert.equal(issued.code, 0, issued.stderr);
    const token = (issued.json as { token: string }).token;
    assert.equal((await call(`${gateway.url}/v1/models`, { token })).status, 200);
    const { items } = await inventory('all');
    const kinds = new Set(items.map(({ kind }) => kind));
    assert.deepEqual([...kinds], ['listener', 'principal', 'model', 'tool']);
    const ci = items.find(({ name }) => name === 'token ci v1');
    assert.equal(ci?.owner, 'team-a');
    assert.ok((ci?.expires ?? 0) > Date.now());
    assert.ok((ci?.lastUsed ?? 0) > Date.now() - 60_000);
    assert.match(ci?.touches ?? '', /scopes operator\.read; agents/);
    assert.ok(
      items.some(
        ({ kind, state, id }) => kind === 'listener' && state === 'declared' && id.startsWith('127.'),
      ),
    );
    const shell = items.find(({ kind, id }) => kind === 'tool' && id === 'shell');
    assert.match(shell?.touches ?? '', /agents \w+/);
    assert.ok(items.every(({ kind, state }) => kind !== 'listener' || state === 'declared'));
    await gateway.cli(['token', 'revoke', 'ci']);
    const after = (await inventory('principals')).items.find(({ name }) => name === 'token ci v1');
    assert.equal(after?.state, 'revoked');
    assert.deepEqual((await inventory('skills')).items, []);
  });

  test('inventory/a name that a spreadsheet would calculate: refused, and every row has every column', async () => {
    const added = await operate(gateway.home, 'principal.add', {
      name: 'formula',
      kind: 'service',
      owner: '=HYPERLINK("http://evil.example","x")',
      ticket: '@SUM(1)',
      scopes: ['operator.read'],
    });
    assert.ok(added.ok, added.error?.message);
    const { text } = await inventory('principals', 'csv');
    const lines = text.split('\r\n').filter((line) => line !== '');
    assert.equal(lines[0], 'kind,id,name,owner,state,source,touches,expires,lastUsed');
    const line = lines.find((one) => one.includes('HYPERLINK')) ?? '';
    assert.ok(line.includes(`"'=HYPERLINK(""http://evil.example"",""x"")"`), line);
    assert.ok(line.includes(`"'@SUM(1)"`), line);
    const cli = await gateway.cli(['inventory', 'principals', '--format', 'csv']);
    assert.equal(cli.code, 0, cli.stderr);
    assert.match(cli.stdout, /^kind,id,name/);
    const shown = await gateway.cli(['inventory', 'tools']);
    assert.match(shown.stdout, /shell/);
  });

  test('inventory/by somebody who only reads: refused', async () => {
    const token = await gateway.issueToken('reader', ['operator.read']);
    const answer = await call(`${gateway.url}/api/v1/inventory.all`, { token, body: {} });
    assert.deepEqual([answer.status, answer.code], [403, 'AUTH_SCOPE_MISSING']);
  });
});
