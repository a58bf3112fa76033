import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { createLedger, verifyLedgerFile } from '../src/controls/trace/index.ts';
import { openConnection } from '../src/drivers/sqlite/connection.ts';
import type { LedgerEvent } from '../src/kernel/index.ts';

/** Milliseconds that each appending measurement runs. */
const APPEND_MS = 1_500;
const CONCURRENT = 64;
/** Records in the ledger that is verified. */
const VERIFIED_RECORDS = 50_000;

const EVENT: LedgerEvent = {
  type: 'tool',
  action: 'tool.started',
  outcome: 'allow',
  rule: 'playbook:tools/shell',
  subject: {
    principal: 'local',
    agent: 'main',
    session: 'agent:main:main',
    run: '4f1c9e30-5f3b',
    tool: 'shell',
  },
  trace: '0d6cf4f2-9a4b-4d2c-8b54-1d1a4b0f8a11',
  authorityHash: 'a'.repeat(64),
  data: { argv: ['git', 'status', '--short'], cwd: '/workspace', digest: 'b'.repeat(64) },
};

/** Call `work` for so many milliseconds; returns calls per second times `each`. */
async function perSecond(milliseconds: number, each: number, work: () => unknown): Promise<number> {
  for (let warm = 0; warm < 20; warm++) await work();
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < milliseconds) {
    await work();
    calls++;
  }
  return (calls * each * 1000) / (performance.now() - start);
}

/** Rows of the same bytes in a table without anything else, as durable as the ledger. */
function bareInsert(raw: DatabaseSync, rows: number): () => void {
  raw.exec('CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, body TEXT) STRICT');
  const insert = raw.prepare('INSERT INTO bare (body) VALUES (?)');
  const body = JSON.stringify(EVENT) + '0'.repeat(128);
  return () => {
    raw.exec('BEGIN IMMEDIATE');
    for (let row = 0; row < rows; row++) insert.run(body);
    raw.exec('COMMIT');
  };
}

async function measureAppends(folder: string): Promise<Record<string, number>> {
  const raw = openConnection(join(folder, 'appends.db'));
  const bare = openConnection(join(folder, 'bare.db'));
  const ledger = createLedger({ raw, writer: 'gateway', clock: Date, redact: (text) => text });
  const many = Array.from({ length: CONCURRENT });
  const one = await perSecond(APPEND_MS, 1, () => ledger.append(EVENT));
  const bareOne = await perSecond(APPEND_MS, 1, bareInsert(bare, 1));
  const together = await perSecond(APPEND_MS, CONCURRENT, () =>
    Promise.all(many.map(() => ledger.append(EVENT))),
  );
  const bareTogether = await perSecond(APPEND_MS, CONCURRENT, bareInsert(bare, CONCURRENT));
  await ledger.close();
  raw.close();
  bare.close();
  return {
    'appends/s, one at a time': one,
    'bare inserts/s, one at a time': bareOne,
    'one at a time: bare / ledger': bareOne / one,
    'appends/s, 64 at once': together,
    'bare inserts/s, 64 at once': bareTogether,
    '64 at once: bare / ledger': bareTogether / together,
    '64 at once: ledger / bare inserts one at a time': together / bareOne,
  };
}

async function measureVerify(folder: string): Promise<Record<string, number>> {
  const path = join(folder, 'verify.db');
  const raw = openConnection(path);
  const ledger = createLedger({ raw, writer: 'gateway', clock: Date, redact: (text) => text });
  for (let written = 0; written < VERIFIED_RECORDS; written += 500) {
    await Promise.all(Array.from({ length: 500 }, () => ledger.append(EVENT)));
  }
  const record = await ledger.get('gateway', 1);
  await ledger.close();
  raw.close();
  const start = performance.now();
  const { ok, records } = await verifyLedgerFile({ path, publicKeys: {} });
  const verified = (records * 1000) / (performance.now() - start);
  if (!ok) throw new Error('the ledger of the benchmark does not verify');
  const text = JSON.stringify(Object.values(record ?? {}));
  const hashed = await perSecond(500, 1000, () => {
    for (let count = 0; count < 1000; count++) hash('sha256', text);
  });
  return {
    'verified records/s': verified,
    'bare SHA-256 of the same bytes/s': hashed,
    'verify: bare / ledger': hashed / verified,
  };
}

/** What the ledger costs beside SQLite and SHA-256 alone, in one run on one disk; takes about ten seconds. */
export async function benchLedger(): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-ledger-'));
  try {
    return { ...(await measureAppends(folder)), ...(await measureVerify(folder)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  for (const [name, value] of Object.entries(await benchLedger())) {
    process.stdout.write(`${name}: ${value < 100 ? value.toFixed(2) : Math.round(value)}\n`);
  }
}
