import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BACKUP_CODES,
  BACKUP_TYPE,
  type BackupManifest,
  openArchive,
  parseManifest,
} from '../../controls/backup/index.ts';
import { openEnvelope } from '../../controls/trace/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import type { RestoreOrder } from '../../surfaces/cli/io.ts';
import { readPublicKeys } from '../public-keys.ts';

/** Bytes of a file with private keys of age, and of a public key. */
const MAX_KEY_BYTES = 65_536;
/** Room that is left on the disk, so that whoever verifies a backup does not fill it. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** @throws BACKUP_IDENTITY_IN_HOME, BACKUP_IDENTITY_UNREADABLE */
function identitiesOf(path: string, { home }: HomePaths): readonly string[] {
  let text: string;
  try {
    const real = realpathSync(path);
    const own = statSync(home, { throwIfNoEntry: false }) === undefined ? home : realpathSync(home);
    if (`${real}/`.startsWith(`${own}/`)) throw BACKUP_CODES.error('BACKUP_IDENTITY_IN_HOME');
    if (statSync(real).size > MAX_KEY_BYTES) throw new Error('too large');
    text = readFileSync(real, 'utf8');
  } catch (cause) {
    if (cause instanceof GatehouseError) throw cause;
    throw BACKUP_CODES.error('BACKUP_IDENTITY_UNREADABLE', undefined, { cause });
  }
  const found = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (found.length === 0) throw BACKUP_CODES.error('BACKUP_IDENTITY_UNREADABLE');
  return found;
}

/** The key that the operator names, or those of the home; never one out of the backup. @throws BACKUP_KEY_MISSING */
async function trustedKeys(path: string | undefined, { keys }: HomePaths): Promise<readonly string[]> {
  if (path === undefined) {
    const own = Object.values(await readPublicKeys(keys)).map(String);
    if (own.length === 0) throw BACKUP_CODES.error('BACKUP_KEY_MISSING');
    return own;
  }
  try {
    if (statSync(path).size > MAX_KEY_BYTES) throw new Error('too large');
    return [readFileSync(path, 'utf8')];
  } catch (cause) {
    throw BACKUP_CODES.error('BACKUP_KEY_MISSING', `the key ${path} cannot be read`, { cause });
  }
}

function judgeWith(keys: readonly string[]) {
  return (envelope: string): BackupManifest => {
    let opened: ReturnType<typeof openEnvelope>;
    try {
      opened = openEnvelope(envelope, BACKUP_TYPE, keys);
    } catch (cause) {
      throw BACKUP_CODES.error('BACKUP_KEY_MISSING', 'the key that was named is no public key', { cause });
    }
    if (!opened.ok)
      throw BACKUP_CODES.error('BACKUP_NOT_AUTHENTIC', undefined, { details: { reason: opened.reason } });
    return parseManifest(opened.document);
  };
}

/** Unpack a backup, whoever it comes from, into a folder. @throws BACKUP_* */
export async function unpackInto(
  folder: string,
  order: RestoreOrder,
  paths: HomePaths,
): Promise<BackupManifest> {
  const identities = identitiesOf(order.identity, paths);
  const keys = await trustedKeys(order.key, paths);
  const { bavail, bsize } = statfsSync(folder);
  const room = Math.max(0, bavail * bsize - SPARE_BYTES);
  const maxBytes = Math.min(room, order.maxBytes ?? Number.POSITIVE_INFINITY);
  try {
    return await openArchive({ file: order.file, identities, judge: judgeWith(keys), folder, maxBytes });
  } catch (thrown) {
    if (thrown instanceof GatehouseError) throw thrown;
    throw BACKUP_CODES.error('BACKUP_RESTORE_FAILED', `the backup could not be unpacked: ${codeOf(thrown)}`, {
      cause: thrown,
    });
  }
}

export function codeOf(thrown: unknown): string {
  const { code } = thrown as NodeJS.ErrnoException;
  return code ?? 'see the cause in the log';
}

/** A private folder that is gone afterwards, whatever happens in it. */
export async function inTemporaryFolder<T>(
  workdir: string | undefined,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  let folder: string;
  try {
    if (workdir !== undefined) mkdirSync(workdir, { recursive: true, mode: 0o700 });
    folder = mkdtempSync(join(workdir ?? tmpdir(), 'gatehouse-rehearsal-'));
  } catch (cause) {
    throw BACKUP_CODES.error('BACKUP_RESTORE_FAILED', `no folder could be made in ${workdir ?? tmpdir()}`, {
      cause,
    });
  }
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // What is decrypted here must not stay when somebody presses Ctrl-C.
  const interrupted = () => {
    remove();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work(folder);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    remove();
  }
}
