import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { runCli, startGateway, temporaryHome } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

let model: HostileModel;
let home: string;

interface Problem {
  readonly writer: string;
  readonly seq: number;
  readonly code: string;
}

interface Report {
  readonly ok: boolean;
  readonly records: number;
  readonly problems: readonly Problem[];
}

/** A home whose gateway wrote a conversation and ended. */
before(async () => {
  model = await startHostileModel();
  model.script('look', [{ calls: [{ tool: 'shell', args: { command: 'uname -s' } }] }]);
  const env = { OPENAI_API_KEY: 'sk-ledger-0123456789abcdef' };
  const gateway = await startGateway({ home: temporaryHome(), config: configFor(model), env });
  home = gateway.home;
  assert.equal((await gateway.cli(['agent', '--message', 'look'])).code, 0);
  await gateway.stop();
  await allEnded(home);
});

after(async () => {
  await model[Symbol.asyncDispose]();
  await removeHome(home);
});

async function verify(at: string): Promise<{ readonly code: number; readonly report: Report }> {
  const { code, json, stderr } = await runCli(at, ['ledger', 'verify', '--json']);
  assert.notEqual(json, undefined, stderr);
  return { code, report: json as Report };
}

/** What verification says about a copy that somebody with write access to the disk changed. */
async function verifyAfter(tamper: (db: DatabaseSync) => void): Promise<readonly Problem[]> {
  const copy = temporaryHome();
  try {
    for (const folder of ['state', 'keys'])
      cpSync(join(home, folder), join(copy, folder), { recursive: true });
    const db = new DatabaseSync(join(copy, 'state', 'ledger.db'));
    tamper(db);
    db.close();
    const { code, report } = await verify(copy);
    assert.equal(code, 1);
    assert.equal(report.ok, false);
    return report.problems;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function numberOf(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(sql).get()?.['n']);
}

const STARTED = "SELECT seq AS n FROM records WHERE writer = 'gateway' AND action = 'tool.started'";

describe('a ledger that somebody else wrote to', () => {
  test('is whole before that, with everything that the turn did', async () => {
    const { code, report } = await verify(home);
    assert.deepEqual([code, report.ok, report.problems], [0, true, []]);
    const db = new DatabaseSync(join(home, 'state', 'ledger.db'), { readOnly: true });
    const actions = db
      .prepare('SELECT DISTINCT action FROM records')
      .all()
      .map((row) => row['action']);
    db.close();
    for (const action of [
      'gateway.started',
      'message.received',
      'model.called',
      'tool.call',
      'tool.started',
    ]) {
      assert.equal(actions.includes(action), true, action);
    }
  });

  test('trace/an edited record: refused', async () => {
    let seq = 0;
    const problems = await verifyAfter((db) => {
      seq = numberOf(db, STARTED);
      db.exec(`UPDATE records SET outcome = 'deny' WHERE writer = 'gateway' AND seq = ${seq}`);
    });
    assert.deepEqual(
      problems.filter(({ code }) => code === 'LEDGER_EDITED').map((problem) => [problem.writer, problem.seq]),
      [['gateway', seq]],
    );
  });

  test('trace/a dropped record: refused', async () => {
    let seq = 0;
    const problems = await verifyAfter((db) => {
      seq = numberOf(db, STARTED);
      db.exec(`DELETE FROM records WHERE writer = 'gateway' AND seq = ${seq}`);
    });
    const missing = problems.filter(({ code }) => code === 'LEDGER_MISSING');
    assert.deepEqual([missing[0]?.writer, missing[0]?.seq], ['gateway', seq]);
  });

  test('trace/two swapped records: refused', async () => {
    const problems = await verifyAfter((db) => {
      const seq = numberOf(db, STARTED);
      const move = (from: number, to: number) =>
        db.exec(`UPDATE records SET seq = ${to} WHERE writer = 'gateway' AND seq = ${from}`);
      move(seq, -1);
      move(seq + 1, seq);
      move(-1, seq + 1);
    });
    const codes = new Set(problems.map(({ code }) => code));
    assert.equal(codes.has('LEDGER_REORDERED') || codes.has('LEDGER_EDITED'), true, [...codes].join());
  });

  test('trace/an end that was cut off together with its signatures: refused', async () => {
    const problems = await verifyAfter((db) => {
      const seq = numberOf(db, STARTED);
      const kept = `SELECT hash FROM records WHERE writer = 'gateway' AND seq = ${seq - 1}`;
      db.exec(`DELETE FROM records WHERE writer = 'gateway' AND seq >= ${seq}`);
      db.exec(`UPDATE heads SET seq = ${seq - 1}, hash = (${kept}) WHERE writer = 'gateway'`);
      db.exec('DELETE FROM checkpoints');
    });
    assert.equal(
      problems.some(({ code }) => code === 'LEDGER_TRUNCATED'),
      true,
      JSON.stringify(problems),
    );
  });

  test('is named by doctor too', async () => {
    const copy = temporaryHome();
    for (const folder of ['state', 'keys'])
      cpSync(join(home, folder), join(copy, folder), { recursive: true });
    const db = new DatabaseSync(join(copy, 'state', 'ledger.db'));
    db.exec(`UPDATE records SET action = 'tool.finished' WHERE seq = (${STARTED}) AND writer = 'gateway'`);
    db.close();
    const { code, stdout } = await runCli(copy, ['doctor']);
    rmSync(copy, { recursive: true, force: true });
    assert.equal(code, 5);
    assert.match(stdout, /critical {2}LEDGER_EDITED/);
  });

  test('keeps its anchor outside the database', () => {
    assert.match(readFileSync(join(home, 'state', 'ledger.anchor'), 'utf8'), /"signature"/);
  });
});
