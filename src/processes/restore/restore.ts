import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BACKUP_CODES, type BackupManifest } from '../../controls/backup/index.ts';
import { openPastLedger, verifyLedgerFile } from '../../controls/trace/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import type { RestoreOrder, RestoreReport } from '../../surfaces/cli/io.ts';
import { answers } from '../answers.ts';
import { copyDatabase, copyFile } from '../backup/copy.ts';
import { prepareHome } from '../home.ts';
import { readPublicKeys } from '../public-keys.ts';
import { type Ended, endedIn, NOTHING_ENDED } from './ended.ts';
import { asideOf, beginExchange, type Exchange, finishExchange, stagedOf } from './journal.ts';
import { codeOf, unpackInto } from './open.ts';
import { continuityOf, proveUnpacked, proveUsable, unpackedPaths } from './prove.ts';
import { restoredNote } from './restored.ts';

/** Milliseconds for egress to end after its gateway. */
const EGRESS_ENDS_MS = 10_000;
/** Everything that belongs to a home's past and gives way to the backup's. */
const STATE_FILES = ['state.db', 'ledger.db'].flatMap((name) =>
  ['', '-wal', '-shm'].map((end) => `state/${name}${end}`),
);

/**
 * Put a backup into this home. What was there stays aside; a ledger that is the continuation of the one in the backup
 * stays in place, and what it says was revoked stays revoked.
 *
 * @throws BACKUP_*; before the exchange begins nothing of the home has changed
 */
export async function restoreBackup(
  order: RestoreOrder,
  paths: HomePaths,
  env: NodeJS.ProcessEnv,
): Promise<RestoreReport> {
  await nobodyRuns(paths);
  prepareHome(paths);
  const waiting = join(paths.home, '.restore');
  rmSync(waiting, { recursive: true, force: true });
  mkdirSync(waiting, { recursive: true, mode: 0o700 });
  try {
    const unpacked = join(waiting, 'unpacked');
    mkdirSync(unpacked, { mode: 0o700 });
    const manifest = await unpackInto(unpacked, order, paths);
    return await exchange(order, paths, env, unpacked, manifest);
  } catch (thrown) {
    if (!existsSync(join(paths.home, '.restore.json'))) rmSync(waiting, { recursive: true, force: true });
    if (thrown instanceof GatehouseError) throw thrown;
    throw BACKUP_CODES.error(
      'BACKUP_RESTORE_FAILED',
      `the restore could not be finished: ${codeOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Egress ends a moment after its gateway, and writes its last record then. @throws BACKUP_GATEWAY_RUNNING */
async function nobodyRuns({ run }: HomePaths): Promise<void> {
  if (await answers(join(run, 'gateway.sock'))) throw BACKUP_CODES.error('BACKUP_GATEWAY_RUNNING');
  const deadline = performance.now() + EGRESS_ENDS_MS;
  while (await answers(join(run, 'egress.sock'))) {
    if (performance.now() > deadline)
      throw BACKUP_CODES.error(
        'BACKUP_GATEWAY_RUNNING',
        'egress still runs on this home; nothing was restored',
      );
    await sleep(50);
  }
}

async function exchange(
  order: RestoreOrder,
  paths: HomePaths,
  env: NodeJS.ProcessEnv,
  unpacked: string,
  manifest: BackupManifest,
): Promise<RestoreReport> {
  const { home } = paths;
  const theirs = await proveUnpacked(unpacked, manifest);
  await proveUsable(unpackedPaths(unpacked, paths), env);
  const newer = order.ledger ?? join(paths.state, 'ledger.db');
  const kept = await keepNewer(newer, unpacked, manifest, {
    ...theirs,
    ...(await readPublicKeys(paths.keys)),
  });
  const ended = await whatEnded(newer);
  writeFileSync(
    join(unpacked, 'state', restoredNote.name),
    restoredNote.write({
      id: manifest.id,
      at: manifest.at,
      ledger: kept.ledger,
      ended,
      reason: order.reason ?? '',
    }),
    { mode: 0o600, flush: true },
  );
  retireKeys(unpacked, await readPublicKeys(paths.keys), theirs);
  const staged = stagedOf(home, manifest.id);
  renameSync(unpacked, staged);
  await nobodyRuns(paths);
  beginExchange(home, manifest.id, exchangesOf(home, staged));
  finishExchange(home);
  return {
    id: manifest.id,
    at: manifest.at,
    home,
    aside: asideOf(home, manifest.id),
    ...kept,
    ended: Object.values(ended).reduce((sum, ids) => sum + ids.length, 0),
  };
}

/** The ledger that goes on from the one in the backup takes its place: nothing that was acknowledged is lost. */
async function keepNewer(
  newer: string,
  unpacked: string,
  manifest: BackupManifest,
  publicKeys: Awaited<ReturnType<typeof readPublicKeys>>,
): Promise<Pick<RestoreReport, 'ledger' | 'newerRecords'>> {
  const continuity = continuityOf(newer, manifest);
  if (continuity.ledger !== 'continues') return { ledger: 'backup', newerRecords: 0 };
  const anchor = newer.replace(/ledger\.db$/, 'ledger.anchor');
  const anchored = existsSync(anchor) ? { anchorFile: anchor } : {};
  const { ok } = await verifyLedgerFile({ path: newer, publicKeys, ...anchored });
  if (!ok) return { ledger: 'backup', newerRecords: 0 };
  const state = join(unpacked, 'state');
  for (const name of ['ledger.db', 'ledger.anchor']) rmSync(join(state, name), { force: true });
  copyFile(anchor, join(state, 'ledger.anchor'));
  await copyDatabase(newer, join(state, 'ledger.db'));
  return { ledger: 'kept', newerRecords: continuity.newer };
}

/** A ledger that does not prove itself may still say what was revoked: believing it only takes away. */
async function whatEnded(file: string): Promise<Ended> {
  if (!existsSync(file)) return NOTHING_ENDED;
  try {
    using ledger = openPastLedger(file);
    return await endedIn(ledger);
  } catch {
    return NOTHING_ENDED;
  }
}

/** The private key is in no backup: a home without one makes another, and the old public key goes on to prove the past. */
function retireKeys(
  unpacked: string,
  own: Readonly<Record<string, unknown>>,
  theirs: Readonly<Record<string, unknown>>,
) {
  rmSync(join(unpacked, 'keys'), { recursive: true, force: true });
  const retired = Object.entries(theirs).filter(([id]) => !(id in own));
  if (retired.length > 0) mkdirSync(join(unpacked, 'keys', 'retired'), { recursive: true, mode: 0o700 });
  for (const [id, pem] of retired)
    writeFileSync(join(unpacked, 'keys', 'retired', `${id}.pub`), String(pem), { mode: 0o600, flush: true });
}

/** What comes, and what is there now and has no counterpart: that moves aside too. */
function exchangesOf(home: string, staged: string): readonly Exchange[] {
  const below = (root: string, folder: string): readonly string[] => {
    const path = join(root, folder);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
    return readdirSync(path, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  };
  const coming = new Set(['playbooks', 'policy', 'state', 'keys'].flatMap((folder) => below(staged, folder)));
  coming.add('gatehouse.json');
  const present = [
    ...below(home, 'playbooks').filter((path) => /^playbooks\/[^/]+\.yaml$/.test(path)),
    'policy/egress.yaml',
    ...STATE_FILES,
    'state/ledger.anchor',
    'state/honeytokens.json',
    'state/sandbox-images.json',
  ];
  const leaving = present.filter((path) => !coming.has(path) && existsSync(join(home, path)));
  return [
    ...leaving.map((path) => ({ path, replaced: false })),
    ...[...coming].map((path) => ({ path, replaced: true })),
  ];
}
