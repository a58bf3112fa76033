import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { BackupFile, CopyOrder, CopyReport, LedgerExtent } from '../../controls/backup/index.ts';
import { type PublicKeys, verifyLedgerFile } from '../../controls/trace/index.ts';
import { readPublicKeys } from '../public-keys.ts';

/** Pages copied in one step: all, so that writers of other processes cannot make it begin again for ever. */
const ALL_PAGES = 2_147_483_647;

/** SQLite's online backup: a consistent copy while others write, as one file without a log beside it. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true, timeout: 10_000 });
  try {
    await backup(source, to, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
  const copy = new DatabaseSync(to);
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
    const check = copy.prepare('PRAGMA quick_check(1)').get() as
      | { readonly quick_check?: string }
      | undefined;
    if (check?.quick_check !== 'ok') throw new Error(`the copy of ${from} is damaged`);
  } finally {
    copy.close();
  }
}

export function copyFile(from: string, to: string): void {
  if (existsSync(from)) copyFileSync(from, to, constants.COPYFILE_EXCL);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Every file below, by its path there, sorted. */
export async function filesOf(folder: string): Promise<readonly BackupFile[]> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  const files: BackupFile[] = [];
  for (const path of paths)
    files.push({ path: relative(folder, path), size: statSync(path).size, sha256: await digestOf(path) });
  return files;
}

/** What a ledger file holds, and whether it proves itself. */
export async function proveLedger(
  state: string,
  publicKeys: PublicKeys,
): Promise<{ readonly ledger: LedgerExtent; readonly problems: readonly string[] }> {
  const { records, checkpoints, unsigned, writers, problems } = await verifyLedgerFile({
    path: join(state, 'ledger.db'),
    anchorFile: join(state, 'ledger.anchor'),
    publicKeys,
  });
  return {
    ledger: {
      records,
      checkpoints,
      unsigned,
      heads: writers.map(({ writer, head, hash }) => ({ writer, seq: head, hash })),
    },
    problems: problems.map(({ code, writer, seq }) => `${code} ${writer} ${seq}`),
  };
}

/**
 * Copies of the state, in an order in which each holds at least what the one before it refers to: the anchor before
 * the ledger that it names, and the state before the ledger that says what was revoked since.
 */
export async function copyState({ folder, state, keys }: CopyOrder): Promise<CopyReport> {
  const to = join(folder, 'state');
  mkdirSync(to, { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, 'keys'), { recursive: true, mode: 0o700 });
  for (const name of ['honeytokens.json', 'sandbox-images.json']) copyFile(join(state, name), join(to, name));
  copyFile(join(state, 'ledger.anchor'), join(to, 'ledger.anchor'));
  await copyDatabase(join(state, 'state.db'), join(to, 'state.db'));
  await copyDatabase(join(state, 'ledger.db'), join(to, 'ledger.db'));
  copyFile(join(keys, 'ledger.pub'), join(folder, 'keys', 'ledger.pub'));
  const retired = join(keys, 'retired');
  for (const name of existsSync(retired) ? readdirSync(retired) : []) {
    mkdirSync(join(folder, 'keys', 'retired'), { recursive: true, mode: 0o700 });
    copyFile(join(retired, name), join(folder, 'keys', 'retired', name));
  }
  const proof = await proveLedger(to, await readPublicKeys(join(folder, 'keys')));
  return { files: await filesOf(folder), ...proof };
}
