import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  createRepairs,
  type HomeFacts,
  type RepairPicture,
  type RepairService,
  type RepairStep,
} from '../../../controls/repairs/index.ts';
import { asGatehouseError, type Finding, type Logger } from '../../../kernel/index.ts';
import type { HomePaths } from '../../../operations/services.ts';
import type { Core } from '../../core.ts';
import { systemClock } from '../../system.ts';
import { measureHome } from './measure.ts';
import { applyToFiles, isDoneOnFiles, undoOnFiles } from './steps.ts';

interface RepairOptions {
  readonly paths: HomePaths;
  readonly core: Core;
  readonly logger: Logger;
  readonly findings: () => Promise<readonly Finding[]>;
}

/** The home as it is now, for findings and for repairs. */
export async function homeFacts({ paths, core }: Pick<RepairOptions, 'paths' | 'core'>): Promise<HomeFacts> {
  const [newest] = await core.ledger.query({ limit: 1 });
  return measureHome(paths, core.config.current(), systemClock.now(), newest?.at ?? null);
}

export function openRepairs(options: RepairOptions): RepairService {
  const { paths, core, logger, findings } = options;

  const picture = async (): Promise<RepairPicture> => {
    const counted: Record<string, number> = {};
    for (const { id } of await findings()) counted[id] = (counted[id] ?? 0) + 1;
    return { findings: counted, snapshot: core.config.current().snapshot };
  };

  /** Through the configuration's own door: tried as a whole, recorded, and a snapshot of its own. */
  const setting = async (path: string, from: unknown, to: unknown, reason: string): Promise<string> => {
    const written = valueAt(core, path);
    if (!isDeepStrictEqual(written ?? null, from ?? null)) return 'somebody changed it meanwhile';
    await core.config.set(path, to, { author: 'doctor', ticket: '', reason });
    return '';
  };

  return createRepairs({
    db: core.db,
    ledger: core.ledger,
    clock: systemClock,
    logger,
    keep: join(paths.home, 'cache', 'repairs'),
    tools: {
      measure: () => homeFacts(options),
      picture,
      async apply(step: RepairStep, keep: string) {
        if (step.kind !== 'setting') {
          applyToFiles(step, keep);
          return '';
        }
        const why = await setting(step.path, step.from, step.to, 'doctor --fix');
        if (why !== '') throw new Error(why);
        return `snapshot ${core.config.current().snapshot}`;
      },
      async undo(step: RepairStep, keep: string) {
        if (step.kind !== 'setting') return undoOnFiles(step, keep);
        return setting(step.path, step.to, step.from, 'doctor undo');
      },
      isDone: (step: RepairStep) =>
        step.kind === 'setting'
          ? isDeepStrictEqual(valueAt(core, step.path) ?? null, step.to ?? null)
          : isDoneOnFiles(step),
    },
  });
}

function valueAt({ config }: Core, path: string): unknown {
  try {
    return config.get(path);
  } catch (thrown) {
    if (asGatehouseError(thrown).code === 'CONFIG_PATH_UNKNOWN') return undefined;
    throw thrown;
  }
}
