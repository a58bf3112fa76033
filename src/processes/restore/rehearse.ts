import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadEffectiveConfig } from '../../configuration/index.ts';
import type { BackupManifest } from '../../controls/backup/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import type { RehearsalReport, RestoreOrder, VerifyBackupReport } from '../../surfaces/cli/io.ts';
import { inTemporaryFolder, unpackInto } from './open.ts';
import { continuityOf, proveUnpacked, proveUsable, unpackedPaths } from './prove.ts';

function verifiedOf(manifest: BackupManifest): VerifyBackupReport {
  const { id, at, versions, configuration, ledger, files } = manifest;
  return {
    ok: true,
    id,
    at,
    version: versions.gatehouse,
    node: versions.node,
    program: manifest.program,
    snapshot: configuration.snapshot,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    records: ledger.records,
    checkpoints: ledger.checkpoints,
    unsigned: ledger.unsigned,
    heads: ledger.heads,
  };
}

/** Decrypt, judge the signature, compare every digest, open the databases and prove the ledger; changes nothing. */
export function verifyBackup(order: RestoreOrder, paths: HomePaths): Promise<VerifyBackupReport> {
  return inTemporaryFolder(order.workdir, async (folder) => {
    const manifest = await unpackInto(folder, order, paths);
    await proveUnpacked(folder, manifest);
    return verifiedOf(manifest);
  });
}

/** Files of the configuration that are not what they are in the home now. */
function changedFiles(folder: string, manifest: BackupManifest, { home }: HomePaths): readonly string[] {
  return manifest.files
    .map(({ path }) => path)
    .filter((path) => !path.startsWith('state/') && !path.startsWith('keys/'))
    .filter((path) => {
      const live = join(home, path);
      return !existsSync(live) || !readFileSync(live).equals(readFileSync(join(folder, path)));
    });
}

/** Everything that a restore does, in a folder of its own: nothing is started, nothing of the home is touched. */
export function rehearseRestore(
  order: RestoreOrder,
  paths: HomePaths,
  env: NodeJS.ProcessEnv,
): Promise<RehearsalReport> {
  const started = performance.now();
  return inTemporaryFolder(order.workdir, async (folder) => {
    const manifest = await unpackInto(folder, order, paths);
    await proveUnpacked(folder, manifest);
    const verified = verifiedOf(manifest);
    const continuity = continuityOf(order.ledger ?? join(paths.state, 'ledger.db'), manifest);
    const differs = changedFiles(folder, manifest, paths);
    const { hash } = await proveUsable(unpackedPaths(folder, paths), env);
    const live = await loadEffectiveConfig({ paths, env }).catch(() => undefined);
    return {
      ...verified,
      configuration: {
        loads: true,
        asRecorded: hash === manifest.configuration.hash,
        asNow: live?.hash === hash,
      },
      differs,
      ledgerNow: continuity.ledger,
      newerRecords: continuity.newer,
      milliseconds: Math.round(performance.now() - started),
    };
  });
}
