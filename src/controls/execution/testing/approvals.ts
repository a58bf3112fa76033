import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../../drivers/sqlite/index.ts';
import type { Decision, Random, Subject } from '../../../kernel/index.ts';
import type { ApprovalServiceOptions } from '../approvals/parts.ts';
import { createApprovalService, type RunningApprovals } from '../approvals/service.ts';
import { type ApprovalTables, migrations } from '../approvals/tables.ts';
import type { ApprovalBinding, ApprovalRequest } from '../types.ts';
import { FakeLedger, FakeLogger, FakeTime } from './fakes.ts';

export const TTL_MS = 60_000;

export const BINDING: ApprovalBinding = {
  tool: 'shell',
  argv: ['/bin/sh', '-c', 'sh build.sh'],
  cwd: '/workspace',
  env: { LANG: 'C' },
  files: { '/workspace/build.sh': 'a'.repeat(64) },
  sandbox: 'b'.repeat(64),
  agent: 'main',
  session: 's1',
};

export const RUN: Subject = { principal: 'alice', agent: 'main', session: 's1', run: 'r1', tool: 'shell' };
export const PERSON: Subject = { principal: 'bob' };

const DECISION: Decision = {
  effect: 'ask',
  code: 'EXEC_COMMAND_ASK',
  rule: 'playbook:main/shell',
  reason: 'shell asks',
  authorityHash: '',
};

export function requestOf(binding: ApprovalBinding = BINDING, subject: Subject = RUN): ApprovalRequest {
  return { binding, title: 'Run a command', commandText: 'sh build.sh', decision: DECISION, subject };
}

let ids = 0;
const random: Random = {
  bytes: (size) => new Uint8Array(size),
  uuid: () => `approval-${(ids += 1)}`,
};

/** A real store in a file of its own, with time, ledger and log under the test's hand. */
export class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly ledger = new FakeLedger();
  readonly logger = new FakeLogger();
  readonly #folder = mkdtempSync(join(tmpdir(), 'gatehouse-approvals-'));
  readonly #open: Disposable[] = [];

  [Symbol.dispose](): void {
    for (const opened of this.#open.reverse()) opened[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async database(): Promise<Database<ApprovalTables>> {
    const database = openDatabase<ApprovalTables>(join(this.#folder, 'state.db'));
    this.#open.push(database);
    await database.migrate(migrations);
    return database;
  }

  /** A service as a process would start it; a second one is the same home after a restart. */
  async start(options: Partial<ApprovalServiceOptions> = {}): Promise<RunningApprovals> {
    const { db } = await this.database();
    const { time, ledger, logger } = this;
    const service = createApprovalService({
      db,
      random,
      ledger,
      logger,
      clock: time,
      ttlMs: TTL_MS,
      setTimer: time.setTimer,
      ...options,
    });
    this.#open.push(service);
    await service.expireDue();
    return service;
  }
}
