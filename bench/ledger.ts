import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
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
/** Records in the ledger that is verified and tampered with, and how many of them are under one signature. */
const VERIFIED_RECORDS = 1_000_000;
const SIGNED_RECORDS = 50_000;

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

interface Proven {
  readonly path: string;
  readonly anchorFile: string;
  readonly publicKeys: Readonly<Record<string, KeyObject>>;
}

/** A ledger of a million records, written by the path that every record takes. */
async function millionRecords(
  folder: string,
): Promise<Proven & { readonly seconds: number; readonly record: unknown }> {
  const path = join(folder, 'verify.db');
  const anchorFile = join(folder, 'anchor');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = openConnection(path);
  const ledger = createLedger({
    raw,
    writer: 'gateway',
    clock: Date,
    redact: (text) => text,
    anchorFile,
    pace: () => ({ records: Number.MAX_SAFE_INTEGER, delayMs: 1e9 }),
    sign: async (bytes) => ({ keyId: 'bench', signature: sign(null, bytes, privateKey).toString('base64') }),
  });
  const start = performance.now();
  for (let written = 0; written < VERIFIED_RECORDS; written += 500) {
    await Promise.all(Array.from({ length: 500 }, () => ledger.append(EVENT)));
    if ((written + 500) % SIGNED_RECORDS === 0) await ledger.checkpoint();
  }
  const seconds = (performance.now() - start) / 1_000;
  const record = await ledger.get('gateway', 1);
  await ledger.close();
  raw.close();
  return { path, anchorFile, publicKeys: { bench: publicKey }, seconds, record };
}

/** What somebody does to the file, how it is undone, and the record that has to be named. */
interface Tampering {
  readonly what: string;
  readonly change: string;
  readonly undo: string;
  readonly seq: number;
}

function tamperings(): readonly Tampering[] {
  const at = 1 + Math.floor(Math.random() * (VERIFIED_RECORDS - 2));
  const place = `WHERE writer = 'gateway' AND seq = ${at}`;
  const swap = `UPDATE records SET seq = -1 ${place};
    UPDATE records SET seq = ${at} WHERE writer = 'gateway' AND seq = ${at + 1};
    UPDATE records SET seq = ${at + 1} WHERE writer = 'gateway' AND seq = -1`;
  return [
    {
      what: 'one bit',
      change: `UPDATE records SET trace = '1' || substr(trace, 2) ${place}`,
      undo: `UPDATE records SET trace = '0' || substr(trace, 2) ${place}`,
      seq: at,
    },
    {
      what: 'one row',
      change: `CREATE TABLE kept AS SELECT * FROM records ${place}; DELETE FROM records ${place}`,
      undo: 'INSERT INTO records SELECT * FROM kept; DROP TABLE kept',
      seq: at,
    },
    { what: 'the order of two', change: swap, undo: swap, seq: at },
    {
      what: 'the tail',
      change: `CREATE TABLE kept AS SELECT * FROM records WHERE seq > ${VERIFIED_RECORDS - 3};
        DELETE FROM records WHERE seq > ${VERIFIED_RECORDS - 3}`,
      undo: 'INSERT INTO records SELECT * FROM kept; DROP TABLE kept',
      seq: VERIFIED_RECORDS - 2,
    },
  ];
}

/** Change one thing among a million records at a time; each must be found, and the place named. */
async function tamper({ path, anchorFile, publicKeys }: Proven): Promise<Record<string, number>> {
  const raw = openConnection(path);
  let named = 0;
  const tried = tamperings();
  for (const { what, change, undo, seq } of tried) {
    raw.exec(`BEGIN; ${change}; COMMIT`);
    const { ok, problems } = await verifyLedgerFile({ path, anchorFile, publicKeys });
    const found = problems.some((problem) => problem.writer === 'gateway' && problem.seq === seq);
    if (ok || !found)
      throw new Error(`${what} at ${seq} was not named: ${JSON.stringify(problems.slice(0, 5))}`);
    named++;
    raw.exec(`BEGIN; ${undo}; COMMIT`);
  }
  raw.close();
  return { 'changes of one thing in a million records': tried.length, 'found and named by number': named };
}

async function measureVerify(folder: string): Promise<Record<string, number>> {
  const made = await millionRecords(folder);
  const { path, anchorFile, publicKeys, record, seconds } = made;
  const start = performance.now();
  const { ok, records } = await verifyLedgerFile({ path, anchorFile, publicKeys });
  const verified = (records * 1000) / (performance.now() - start);
  if (!ok) throw new Error('the ledger of the benchmark does not verify');
  const text = JSON.stringify(Object.values(record ?? {}));
  const hashed = await perSecond(500, 1000, () => {
    for (let count = 0; count < 1000; count++) hash('sha256', text);
  });
  return {
    'appends/s over a million records, signed': VERIFIED_RECORDS / seconds,
    'verified records/s of a million': verified,
    'bare SHA-256 of the same bytes/s': hashed,
    'verify: bare / ledger': hashed / verified,
    ...(await tamper(made)),
  };
}

/** What the ledger costs beside SQLite and SHA-256 alone, in one run on one disk; takes about a minute. */
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
