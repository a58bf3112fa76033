import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadEffectiveConfig } from '../../configuration/index.ts';
import { BACKUP_CODES, type BackupManifest, type LedgerHead } from '../../controls/backup/index.ts';
import { openPastLedger, type PublicKeys } from '../../controls/trace/index.ts';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import { proveLedger } from '../backup/copy.ts';
import { MIGRATIONS } from '../core.ts';
import { readPublicKeys } from '../public-keys.ts';

/** Paths of a home that lies unpacked in a folder; its workspaces stay where they are. */
export function unpackedPaths(folder: string, paths: HomePaths): HomePaths {
  return {
    ...paths,
    home: folder,
    config: join(folder, 'gatehouse.json'),
    playbooks: join(folder, 'playbooks'),
    policy: join(folder, 'policy'),
    state: join(folder, 'state'),
    keys: join(folder, 'keys'),
  };
}

/** The ledger in the backup proves itself and ends where the signed list says. @throws BACKUP_LEDGER_BROKEN */
export async function proveUnpacked(folder: string, manifest: BackupManifest): Promise<PublicKeys> {
  const keys = await readPublicKeys(join(folder, 'keys'));
  const { ledger, problems } = await proveLedger(join(folder, 'state'), keys);
  const listed = (heads: readonly LedgerHead[]) =>
    heads
      .map(({ writer, seq, hash }) => `${writer} ${seq} ${hash}`)
      .sort()
      .join('\n');
  if (problems.length > 0 || listed(ledger.heads) !== listed(manifest.ledger.heads))
    throw BACKUP_CODES.error('BACKUP_LEDGER_BROKEN', undefined, {
      details: { problems: problems.slice(0, 20) },
    });
  return keys;
}

/** This version can open the state, brings it up to date, and can run on the configuration. @throws BACKUP_CONFIG_INVALID, STORE_NEWER */
export async function proveUsable(
  paths: HomePaths,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly hash: string }> {
  for (const folder of [paths.playbooks, paths.policy]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  {
    using state = openDatabase<unknown>(join(paths.state, 'state.db'));
    await state.migrate(...MIGRATIONS);
    state.raw.exec('PRAGMA journal_mode = DELETE');
  }
  try {
    const { hash } = await loadEffectiveConfig({ paths, env });
    return { hash };
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError)) throw thrown;
    throw BACKUP_CODES.error('BACKUP_CONFIG_INVALID', undefined, { cause: thrown, details: thrown.details });
  }
}

export interface Continuity {
  /** `continues`: it holds everything that the backup holds, and maybe more. */
  readonly ledger: 'none' | 'continues' | 'other' | 'unreadable';
  /** Records that it holds beyond the backup. */
  readonly newer: number;
}

/** Whether a ledger is what became of the one in the backup: every head of the backup is a record in it. */
export function continuityOf(file: string, manifest: BackupManifest): Continuity {
  if (!existsSync(file)) return { ledger: 'none', newer: 0 };
  try {
    using ledger = openPastLedger(file);
    const { heads } = manifest.ledger;
    if (!heads.every((head) => ledger.holds(head))) return { ledger: 'other', newer: 0 };
    const ends = ledger.ends();
    const grown = [...ends].map(
      ([writer, end]) => end - (heads.find((head) => head.writer === writer)?.seq ?? 0),
    );
    return { ledger: 'continues', newer: grown.reduce((sum, count) => sum + count, 0) };
  } catch {
    return { ledger: 'unreadable', newer: 0 };
  }
}
