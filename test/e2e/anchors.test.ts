import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

let keeper: TestGateway;
let gateway: TestGateway;
let token = '';
const home = temporaryHome();

const start = () =>
  startGateway({
    home,
    env: { ANCHOR_TOKEN: token },
    config: {
      trace: {
        anchors: [
          {
            name: 'other',
            type: 'gatehouse',
            url: keeper.url,
            token: '${ANCHOR_TOKEN}',
            networks: ['127.0.0.0/8'],
          },
        ],
      },
    },
  });

before(async () => {
  keeper = await startGateway({ config: {} });
  token = await keeper.issueToken('anchor', ['operator.anchor']);
  gateway = await start();
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  await keeper[Symbol.asyncDispose]();
  await removeHome(home);
});

interface Anchored {
  readonly anchors: readonly {
    readonly name: string;
    readonly lastId: number | null;
    readonly failure: unknown;
  }[];
}

async function call(id: string, body: object): Promise<{ status: number; body: { readonly code?: string } }> {
  const answer = await fetch(`${keeper.url}/api/v1/${id}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const json = (await answer.json()) as { error?: { code: string } };
  return { status: answer.status, body: json.error ?? {} };
}

describe('another instance as the anchor', () => {
  test('keeps the checkpoints, on its own record, with a token that may do nothing else', async () => {
    const { json, code, stderr } = await gateway.cli(['ledger', 'anchor', '--json']);
    assert.equal(code, 0, stderr);
    const [other] = (json as Anchored).anchors;
    assert.equal(other?.failure, null);
    assert.ok((other?.lastId ?? 0) >= 1);
    const found = await keeper.cli(['ledger', 'search', '--action', 'ledger.anchor-kept', '--json']);
    assert.equal((found.json as { records: unknown[] }).records.length, 1);
    assert.equal((await call('ledger.tail', {})).status, 403);
    assert.equal((await call('agent.run', { message: 'x' })).status, 403);
  });

  test('trace/another history under a number that is kept already: refused, with an alert', async () => {
    const payload = JSON.stringify(['gatehouse-checkpoint-1', 1, 5, 0, '0'.repeat(64), []]);
    const { status, body } = await call('anchor.keep', {
      checkpoints: [{ payload, keyId: 'k', signature: 's' }],
    });
    assert.deepEqual([status, body.code], [409, 'LEDGER_ANCHOR_CONFLICT']);
    const { json } = await keeper.cli(['alerts', 'list', '--json']);
    assert.ok(
      (json as { alerts: { rule: string }[] }).alerts.some(({ rule }) => rule === 'ledger.anchor-conflict'),
    );
    const { status: invalid, body: why } = await call('anchor.keep', {
      checkpoints: [{ payload: '[]', keyId: 'k', signature: 's' }],
    });
    assert.deepEqual([invalid, why.code], [400, 'LEDGER_ANCHOR_INVALID']);
  });

  test('trace/a ledger that was cut back on this machine, anchor file and all: refused', async () => {
    assert.equal((await gateway.cli(['ledger', 'verify', '--json'])).code, 0);
    await gateway.stop();
    await allEnded(home);
    const db = new DatabaseSync(join(home, 'state', 'ledger.db'));
    const seq =
      Number(db.prepare("SELECT max(seq) AS n FROM records WHERE writer = 'gateway'").get()?.['n']) - 2;
    db.exec(`DELETE FROM records WHERE writer = 'gateway' AND seq > ${seq}; DELETE FROM checkpoints;
      UPDATE heads SET seq = ${seq}, hash = (SELECT hash FROM records WHERE writer = 'gateway' AND seq = ${seq})
      WHERE writer = 'gateway'`);
    db.close();
    rmSync(join(home, 'state', 'ledger.anchor'));
    gateway = await start();
    const { code, json } = await gateway.cli(['ledger', 'verify', '--json']);
    const problems = (json as { problems: { code: string }[] }).problems.map((problem) => problem.code);
    assert.equal(code, 1);
    assert.ok(
      problems.some((found) => found === 'LEDGER_TRUNCATED' || found === 'LEDGER_EDITED'),
      problems.join(),
    );
  });
});
