import type { Logger } from '../../kernel/index.ts';
import type { Services } from '../../operations/services.ts';

/** Milliseconds between two looks for workspaces of tasks that are over. */
const SWEEP_MS = 600_000;

/** Take away workspaces of sessions that nobody used for their grace period, at once and then regularly (X8). */
export function sweepTasks(
  core: Pick<Services, 'tasks'>,
  logger: Logger,
  every: (milliseconds: number, task: () => void) => () => void,
): () => void {
  const sweep = (): void =>
    void core.tasks.sweep().then(
      (count) => count > 0 && logger.info('workspaces of tasks that are over were taken away', { count }),
      (cause: unknown) =>
        logger.error('workspaces of tasks were not looked through', { cause: String(cause) }),
    );
  sweep();
  return every(SWEEP_MS, sweep);
}
