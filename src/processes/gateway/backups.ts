import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BACKUP_TYPE, type BackupService, createBackups, DEFAULT_KEEP } from '../../controls/backup/index.ts';
import { sealEnvelope } from '../../controls/trace/index.ts';
import { type Egress, type Logger, Scheduler } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import { startBackupWorker } from '../backup/client.ts';
import type { Core } from '../core.ts';
import type { Program } from '../program.ts';
import { afterwards, systemClock, systemRandom } from '../system.ts';
import { programFiles } from './install-facts.ts';

/** Hours after which somebody is told that there is no newer backup. */
const DEFAULT_MAX_AGE_HOURS = 48;

interface BackupOptions {
  readonly program: Program;
  readonly paths: HomePaths;
  readonly core: Core;
  readonly egress: Egress;
  readonly logger: Logger;
}

/** Where copies lie in the clear while they are packed: in the home, which is private already. */
export function backupStaging({ home }: Pick<HomePaths, 'home'>): string {
  return join(home, 'cache', 'backup');
}

export function openBackups({ program, paths, core, egress, logger }: BackupOptions): BackupService {
  const { home, state, keys, workspaces } = paths;
  return createBackups({
    db: core.db,
    ledger: core.ledger,
    alerts: core.alerts,
    clock: systemClock,
    random: systemRandom,
    logger,
    settings() {
      const { recipients = [], folder, keep, maxAgeHours } = core.config.current().config.backup ?? {};
      return {
        recipients,
        folder: folder ?? join(home, 'backups'),
        keep: { ...DEFAULT_KEEP, ...keep },
        maxAgeHours: maxAgeHours ?? DEFAULT_MAX_AGE_HOURS,
      };
    },
    places: { home, state, keys, workspaces, staging: backupStaging(paths) },
    worker: () => startBackupWorker(program, logger),
    exportConfig: () => core.config.exported(),
    async facts() {
      const files = JSON.stringify(await programFiles(program));
      const { sqlite = '' } = process.versions as { readonly sqlite?: string };
      return {
        versions: { gatehouse: program.version, node: process.version, sqlite },
        program: `sha256:${createHash('sha256').update(files).digest('hex')}`,
      };
    },
    sign: async (manifest) =>
      JSON.stringify(await sealEnvelope(BACKUP_TYPE, manifest, (bytes) => egress.sign(bytes))),
  });
}

/** Finish what a crash left, then keep the schedule and look at the age of the last one; returns how to stop. */
export async function keepBackups(
  backups: BackupService,
  { core, logger }: Pick<BackupOptions, 'core' | 'logger'>,
  every: (milliseconds: number, task: () => void) => () => void,
): Promise<() => void> {
  await backups.repair();
  const failed = (cause: unknown) => logger.error('a scheduled backup failed', { cause: String(cause) });
  const scheduler = new Scheduler({
    what: 'backup',
    schedule: () => core.config.current().config.backup?.schedule,
    last: () => backups.lastScheduled(),
    run: () => backups.create({ author: 'gatehouse', reason: 'scheduled', scheduled: true }),
    clock: systemClock,
    logger,
    setTimer: afterwards,
  });
  scheduler.start();
  const forget = core.config.onApplied(() => scheduler.follow());
  const stopLooking = every(60_000, () => void backups.look().catch(failed));
  return () => {
    scheduler.stop();
    forget();
    stopLooking();
  };
}
