import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { AnchorLine } from './anchor.ts';
import { type CheckpointHead, currentHeads, lastCheckpoint, type PublicKeys } from './checkpoint.ts';
import { Problems } from './problems.ts';
import { Retired } from './retention/retired.ts';
import { storedRetirements } from './retention/retirement.ts';
import { refuseNewerTables, tablesAreGenuine } from './tables.ts';
import type { VerifyReport } from './types.ts';
import { ChainCheck } from './verify-chain.ts';
import { CheckpointCheck } from './verify-checkpoints.ts';
import { checkRecords } from './verify-records.ts';

export interface VerifyOptions {
  /** Keys that checkpoints may be signed with. A checkpoint of any other key is a bad signature. */
  readonly publicKeys: PublicKeys;
  readonly anchorFile?: string;
  /** Further places that keep checkpoints; one that cannot be read is reported as such. */
  readonly anchors?: readonly { readonly name: string; readonly lines: AsyncIterable<AnchorLine> }[];
}

/** Milliseconds that the anchor file may come after the first checkpoint of a ledger that is being written. */
const ANCHOR_GRACE_MS = 1_000;
const ANCHOR_STEP_MS = 20;

/** What is proven: the ledger as it was when verification began, whatever is written meanwhile. */
interface Extent {
  readonly lastRecord: number;
  readonly lastCheckpoint: number;
  readonly heads: readonly CheckpointHead[];
  /** Bytes of the anchor file; undefined when it is not there. */
  readonly anchorBytes: number | undefined;
}

/**
 * Prove a ledger file without an install: only the file, the public keys and, if there is one, the anchor
 * file. Changes nothing. Throws LEDGER_NEWER; anything else that is wrong is in the report.
 */
export async function verifyLedgerFile(
  options: VerifyOptions & { readonly path: string },
): Promise<VerifyReport> {
  let raw: DatabaseSync;
  try {
    raw = openReadOnly(options.path);
  } catch {
    return unreadable(new Problems(), new ChainCheck(new Problems()));
  }
  try {
    return await verifyLedger(raw, options);
  } finally {
    raw.close();
  }
}

/** Prove the ledger behind an open connection, a few records at a time. */
export async function verifyLedger(raw: DatabaseSync, options: VerifyOptions): Promise<VerifyReport> {
  const problems = new Problems();
  let chain = new ChainCheck(problems);
  try {
    refuseNewerTables(raw);
    chain = new ChainCheck(problems, new Retired(storedRetirements(raw), options.publicKeys, problems));
    if (!tablesAreGenuine(raw)) {
      problems.add('LEDGER_EDITED', 'ledger', 0, 'its tables are not those that Gatehouse makes');
    }
    const extent = measure(raw, options.anchorFile);
    const complete = await checkRecords(raw, extent.lastRecord, chain, problems);
    chain.finish();
    const check = new CheckpointCheck({ raw, keys: options.publicKeys, chain, problems });
    if (complete) await compare(check, extent, options.anchorFile, problems);
    if (complete) await compareOthers(check, extent, options.anchors ?? [], problems);
    return report(problems, chain, check);
  } catch (thrown) {
    if (!isDatabaseError(thrown)) throw thrown;
    return unreadable(problems, chain);
  }
}

async function compare(
  check: CheckpointCheck,
  extent: Extent,
  anchorFile: string | undefined,
  problems: Problems,
): Promise<void> {
  await check.checkStored(extent.lastCheckpoint);
  check.checkHeads(extent.heads);
  if (anchorFile === undefined) return;
  if (extent.anchorBytes === undefined) {
    // The first checkpoint is stored some milliseconds before the anchor file is made.
    const first = extent.lastCheckpoint === 1 && (await appears(anchorFile));
    if (extent.lastCheckpoint > 0 && !first) {
      problems.add('LEDGER_MISSING', 'anchor', 0, 'the anchor file is not there');
    }
    return;
  }
  try {
    await check.checkAnchor(anchorFile, extent.anchorBytes, extent.lastCheckpoint);
  } catch (thrown) {
    if (isDatabaseError(thrown)) throw thrown;
    problems.add('LEDGER_UNREADABLE', 'anchor', 0, 'the anchor file cannot be read');
  }
}

async function compareOthers(
  check: CheckpointCheck,
  { lastCheckpoint: last }: Extent,
  anchors: NonNullable<VerifyOptions['anchors']>,
  problems: Problems,
): Promise<void> {
  for (const { name, lines } of anchors) {
    try {
      await check.checkLines(lines, last, `anchor ${name}`);
    } catch (thrown) {
      if (isDatabaseError(thrown)) throw thrown;
      problems.add('LEDGER_UNREADABLE', `anchor:${name}`, 0, 'what it keeps cannot be read');
    }
  }
}

async function appears(file: string): Promise<boolean> {
  for (let waited = 0; waited < ANCHOR_GRACE_MS && !existsSync(file); waited += ANCHOR_STEP_MS) {
    await setTimeout(ANCHOR_STEP_MS);
  }
  return existsSync(file);
}

/** The anchor first: its checkpoints are stored before they are anchored, so the ledger has them all. */
function measure(raw: DatabaseSync, anchorFile: string | undefined): Extent {
  const anchor = anchorFile === undefined ? undefined : statSync(anchorFile, { throwIfNoEntry: false });
  raw.exec('BEGIN');
  try {
    return {
      lastRecord: Number(raw.prepare('SELECT max(id) AS id FROM records').get()?.id ?? 0),
      lastCheckpoint: lastCheckpoint(raw)?.id ?? 0,
      heads: currentHeads(raw),
      anchorBytes: anchor?.size,
    };
  } finally {
    raw.exec('COMMIT');
  }
}

function report(problems: Problems, chain: ChainCheck, check: CheckpointCheck | undefined): VerifyReport {
  const list = problems.list();
  return {
    ok: list.length === 0,
    records: chain.records,
    checkpoints: check?.checked ?? 0,
    writers: chain.ends(),
    problems: list,
    unsigned: check?.unsigned() ?? chain.records,
    problemsOmitted: problems.omitted,
  };
}

function unreadable(problems: Problems, chain: ChainCheck): VerifyReport {
  problems.add('LEDGER_UNREADABLE', 'ledger', 0, 'the file is missing, damaged, or not a ledger');
  return report(problems, chain, undefined);
}

/**
 * A copy on storage that cannot be written has no place for SQLite's shared memory. Such a copy may be read as
 * unchanging, but only when no write-ahead log lies beside it: that would be left out.
 */
function openReadOnly(path: string): DatabaseSync {
  const raw = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    raw.exec('PRAGMA schema_version');
    return raw;
  } catch (thrown) {
    raw.close();
    if (existsSync(`${path}-wal`)) throw thrown;
    const url = pathToFileURL(path);
    url.searchParams.set('immutable', '1');
    return new DatabaseSync(url, { readOnly: true });
  }
}

function isDatabaseError(thrown: unknown): boolean {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return code === 'ERR_SQLITE_ERROR' || code === 'ERR_OUT_OF_RANGE' || code === 'EIO';
}
