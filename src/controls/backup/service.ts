import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Kysely } from 'kysely';
import {
  type Alerts,
  type Clock,
  GatehouseError,
  type Ledger,
  type Logger,
  type Random,
} from '../../kernel/index.ts';
import { encrypterFor } from './archive.ts';
import { type BackupFacts, checkBackups } from './checks.ts';
import { BACKUP_CODES } from './codes.ts';
import { type BackupManifest, manifestOf } from './manifest.ts';
import { keptOf } from './retention.ts';
import type { BackupTables } from './tables.ts';
import type { BackupRecord, BackupSettings, BackupStatus, BackupWorker } from './types.ts';

const HOUR_MS = 3_600_000;
/** Rows of the history that are kept. */
const MAX_ROWS = 2_000;
/** Names of our files in the folder; nothing else there is ever touched. */
const NAME = /^gatehouse-[0-9TZ]{16}-[0-9a-f]{6}\.age(\.partial)?$/;

/** The configuration that runs, as the files that make it. */
interface ExportedConfig {
  readonly hash: string;
  readonly snapshot: number;
  /** Text by path in the home. */
  readonly files: Readonly<Record<string, string>>;
}

export interface BackupParts {
  readonly db: Kysely<BackupTables>;
  readonly ledger: Pick<Ledger, 'append'> & { checkpoint(): Promise<void> };
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: () => BackupSettings;
  readonly places: {
    readonly home: string;
    readonly state: string;
    readonly keys: string;
    readonly workspaces: string;
    /** For the copies; made and removed here. */
    readonly staging: string;
  };
  readonly worker: () => BackupWorker;
  readonly exportConfig: () => Promise<ExportedConfig>;
  readonly facts: () => Promise<{ readonly versions: BackupManifest['versions']; readonly program: string }>;
  /** Sign the manifest with the key of the install. @throws EGRESS_UNAVAILABLE */
  readonly sign: (manifest: BackupManifest) => Promise<string>;
}

export interface BackupOrder {
  readonly author: string;
  readonly reason: string;
  readonly scheduled: boolean;
}

export interface BackupService {
  /** @throws BACKUP_*, EGRESS_UNAVAILABLE */
  create(order: BackupOrder): Promise<BackupRecord>;
  /** Newest first. */
  list(): Promise<readonly BackupRecord[]>;
  facts(): Promise<BackupFacts>;
  /** Finish what a crash left; returns the ids of backups that were cut off. */
  repair(): Promise<readonly string[]>;
  /** Alert when the last good one is too old. */
  look(): Promise<void>;
  /** When the last scheduled one was begun. */
  lastScheduled(): Promise<number | undefined>;
}

export function createBackups(parts: BackupParts): BackupService {
  return new Backups(parts);
}

class Backups implements BackupService {
  readonly #parts: BackupParts;
  #running = false;
  #told = '';

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  async create(order: BackupOrder): Promise<BackupRecord> {
    if (this.#running) throw BACKUP_CODES.error('BACKUP_RUNNING');
    this.#running = true;
    try {
      return await this.#create(order);
    } finally {
      this.#running = false;
    }
  }

  async #create({ author, reason, scheduled }: BackupOrder): Promise<BackupRecord> {
    const { db, clock, settings, ledger, alerts } = this.#parts;
    const { recipients, folder } = settings();
    if (recipients.length === 0) throw BACKUP_CODES.error('BACKUP_NOT_CONFIGURED');
    const at = clock.now();
    const id = this.#newId(at);
    const path = join(folder, `gatehouse-${id}.age`);
    await db
      .insertInto('backups')
      .values({ id, at, author, reason, scheduled: scheduled ? 1 : 0, status: 'running', path } as never)
      .execute();
    try {
      await encrypterFor(recipients);
      this.#prepareFolder(folder);
      const made = await this.#make(id, at, path);
      await db
        .updateTable('backups')
        .set({ ...made, status: 'good' })
        .where('id', '=', id)
        .execute();
      await this.#record('backup.created', 'success', author, { id, path, ...made });
      await this.#prune(author);
      return await this.#get(id);
    } catch (thrown) {
      const error = this.#failure(thrown);
      await db
        .updateTable('backups')
        .set({ status: 'failed', code: error.code })
        .where('id', '=', id)
        .execute();
      await ledger
        .append({
          type: 'change',
          action: 'backup.created',
          outcome: 'failure',
          code: error.code,
          subject: { principal: author },
          data: { id },
        })
        .catch(() => undefined);
      alerts.raise({
        rule: 'backup.failed',
        code: error.code,
        severity: 'high',
        title: `the backup ${id} failed: ${error.message}`,
        fix: error.fix,
      });
      throw error;
    } finally {
      rmSync(join(this.#parts.places.staging, id), { recursive: true, force: true });
    }
  }

  /** Copies first, then the list under its signature, then the file that appears as a whole. */
  async #make(id: string, at: number, path: string) {
    const { places, ledger, worker, exportConfig, facts, sign, settings } = this.#parts;
    const folder = join(places.staging, id);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const configuration = await exportConfig();
    for (const [name, text] of Object.entries(configuration.files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    await ledger.checkpoint();
    await using work = worker();
    const copied = await work.copy({ folder, state: places.state, keys: places.keys });
    if (copied.problems.length > 0)
      throw BACKUP_CODES.error('BACKUP_LEDGER_BROKEN', undefined, {
        details: { problems: copied.problems.slice(0, 20) },
      });
    const manifest = manifestOf({
      id,
      at,
      ...(await facts()),
      configuration: { hash: configuration.hash, snapshot: configuration.snapshot },
      ledger: copied.ledger,
      files: copied.files,
    });
    const envelope = await sign(manifest);
    const { files } = copied;
    const sealed = await work.seal({
      folder,
      files,
      envelope,
      recipients: settings().recipients,
      target: path,
    });
    return {
      bytes: sealed.bytes,
      digest: sealed.sha256,
      records: copied.ledger.records,
      snapshot: configuration.snapshot,
    };
  }

  /** Time in UTC, to be read and sorted, and something that no other has. */
  #newId(at: number): string {
    const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    return `${time}-${Buffer.from(this.#parts.random.bytes(3)).toString('hex')}`;
  }

  /** @throws BACKUP_FOLDER_UNUSABLE */
  #prepareFolder(folder: string): void {
    const { workspaces } = this.#parts.places;
    const isWithin = (path: string, root: string) => `${path}/`.startsWith(`${root}/`);
    if (isWithin(folder, workspaces)) throw BACKUP_CODES.error('BACKUP_FOLDER_UNUSABLE');
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (isWithin(realpathSync(folder), realpathSync(workspaces)))
        throw new Error('a link into the workspaces');
      const { mode, uid } = statSync(folder);
      if ((mode & 0o022) !== 0 || (uid !== process.getuid?.() && uid !== 0))
        throw new Error('others can write to it');
      accessSync(folder, constants.W_OK);
    } catch (cause) {
      if (isFull(cause)) throw BACKUP_CODES.error('BACKUP_NO_SPACE', undefined, { cause });
      throw BACKUP_CODES.error('BACKUP_FOLDER_UNUSABLE', undefined, { cause });
    }
  }

  #failure(thrown: unknown): GatehouseError {
    if (thrown instanceof GatehouseError) return thrown;
    this.#parts.logger.error('a backup failed', { cause: String(thrown) });
    return BACKUP_CODES.error(isFull(thrown) ? 'BACKUP_NO_SPACE' : 'BACKUP_FAILED', undefined, {
      cause: thrown,
    });
  }

  async #record(
    action: string,
    outcome: 'success' | 'failure',
    author: string,
    data: Record<string, unknown>,
  ) {
    await this.#parts.ledger.append({
      type: 'change',
      action,
      outcome,
      subject: { principal: author },
      data,
    });
  }

  /** Only after a new one is whole, and only files that are ours by name and by our own list. */
  async #prune(author: string): Promise<void> {
    const { db, settings, clock, logger } = this.#parts;
    const good = (await this.list()).filter(({ status }) => status === 'good');
    const kept = keptOf(good, settings().keep, clock.now());
    const dropped = good.filter((backup) => !kept.has(backup));
    for (const { id, path } of dropped) {
      try {
        rmSync(path);
      } catch (cause) {
        logger.warn('an old backup could not be deleted', { path, cause: String(cause) });
        continue;
      }
      await db.updateTable('backups').set({ status: 'deleted' }).where('id', '=', id).execute();
      await this.#record('backup.deleted', 'success', author, { id, path });
    }
    const newest = await db
      .selectFrom('backups')
      .select('number')
      .orderBy('number', 'desc')
      .executeTakeFirst();
    await db
      .deleteFrom('backups')
      .where('number', '<=', (newest?.number ?? 0) - MAX_ROWS)
      .execute();
  }

  async list(): Promise<readonly BackupRecord[]> {
    const rows = await this.#parts.db.selectFrom('backups').selectAll().orderBy('number', 'desc').execute();
    return rows.map(({ id, at, author, reason, code, path, bytes, digest, records, snapshot, ...row }) => {
      const kept = { id, at, author, reason, code, path, bytes, digest, records, snapshot };
      return {
        ...kept,
        scheduled: row.scheduled === 1,
        status: row.status === 'good' && sizeOf(path) !== bytes ? 'missing' : (row.status as BackupStatus),
      };
    });
  }

  async #get(id: string): Promise<BackupRecord> {
    const found = (await this.list()).find((backup) => backup.id === id);
    if (found === undefined) throw BACKUP_CODES.error('BACKUP_FAILED');
    return found;
  }

  async facts(): Promise<BackupFacts> {
    const { settings, clock, places } = this.#parts;
    const { recipients, maxAgeHours, folder } = settings();
    const all = await this.list();
    const ended = all.find(({ status }) => status !== 'running');
    return {
      recipients: recipients.length,
      maxAgeHours,
      last: all.find(({ status }) => status === 'good'),
      failed: ended?.status === 'failed' ? (ended.code ?? 'BACKUP_FAILED') : undefined,
      sameDisk: deviceOf(folder) === deviceOf(places.home),
      now: clock.now(),
    };
  }

  async repair(): Promise<readonly string[]> {
    const { db, places, logger } = this.#parts;
    rmSync(places.staging, { recursive: true, force: true });
    const cut = await db.selectFrom('backups').selectAll().where('status', '=', 'running').execute();
    for (const { id, path } of cut) {
      removePartials(dirname(path), logger);
      const bytes = sizeOf(path);
      // The file appears whole: whoever was killed after that only did not come to write it down.
      const ended =
        bytes === undefined ? { status: 'failed', code: 'BACKUP_FAILED' } : { status: 'good', bytes };
      await db.updateTable('backups').set(ended).where('id', '=', id).execute();
      const outcome = bytes === undefined ? 'failure' : 'success';
      await this.#record('backup.repaired', outcome, 'gatehouse', { id, path, status: ended.status });
      logger.warn('a backup was cut off when the process ended', { id, status: ended.status });
    }
    return cut.map(({ id }) => id);
  }

  async look(): Promise<void> {
    const facts = await this.facts();
    const found = checkBackups(facts).find(({ id }) => id === 'BACKUP_TOO_OLD');
    const state = found === undefined ? '' : (facts.last?.id ?? 'none');
    if (state === this.#told) return;
    this.#told = state;
    if (found === undefined) return;
    // A fresh install gets the time that its configuration gives before anybody is woken.
    const begun = (
      await this.#parts.db.selectFrom('backups').select('at').orderBy('number').executeTakeFirst()
    )?.at;
    if (facts.last === undefined && begun !== undefined && facts.now - begun < facts.maxAgeHours * HOUR_MS) {
      this.#told = '';
      return;
    }
    this.#parts.alerts.raise({
      rule: 'backup.too-old',
      code: found.id,
      severity: 'high',
      title: found.title,
      fix: found.fix,
      key: state,
    });
  }

  async lastScheduled(): Promise<number | undefined> {
    const row = await this.#parts.db
      .selectFrom('backups')
      .select('at')
      .where('scheduled', '=', 1)
      .orderBy('number', 'desc')
      .executeTakeFirst();
    return row?.at;
  }
}

function isFull(thrown: unknown): boolean {
  const { code, cause } = thrown as NodeJS.ErrnoException & { readonly cause?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || (cause !== undefined && cause !== thrown && isFull(cause));
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Of the nearest folder that exists. */
function deviceOf(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.dev ?? (dirname(path) === path ? undefined : deviceOf(dirname(path)));
}

function removePartials(folder: string, logger: Logger): void {
  try {
    for (const name of readdirSync(folder)) {
      if (NAME.test(name) && name.endsWith('.partial')) rmSync(join(folder, name));
    }
  } catch (cause) {
    logger.warn('the folder of backups cannot be read', { cause: String(cause) });
  }
}
