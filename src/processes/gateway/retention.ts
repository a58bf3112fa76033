import { hostname } from 'node:os';
import { retentionPolicy } from '../../controls/trace/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { heldFrom } from '../../operations/ledger/retire.ts';
import type { LifeParts } from './life.ts';

/** Milliseconds between two runs, and of the ledger that one of them takes out at most (attack 99). */
const RETENTION_MS = 86_400_000;
const STEP_MS = 7 * RETENTION_MS;

/** Once a day, what `trace.retention` says goes; without it nothing ever does (T5). */
export function keepRetention(
  { core, egress, paths, program, logger }: LifeParts,
  every: (milliseconds: number, task: () => void) => () => void,
): () => void {
  const run = async (): Promise<void> => {
    const written = core.config.current().config.trace?.retention;
    if (written?.removeAfterDays === undefined && written?.redactAfterDays === undefined) return;
    const held = await heldFrom({ config: core.config, egress });
    const parts = await core.ledger.retire({
      policy: retentionPolicy(written, paths.state),
      source: { version: program.version, hostname: hostname() },
      step: STEP_MS,
      ...(held === undefined ? {} : { heldFrom: held }),
    });
    if (parts.length > 0) logger.info('retention took records out of the ledger', { parts: parts.length });
  };
  const task = (): void =>
    void run().catch((thrown: unknown) => {
      const { code, message } = asGatehouseError(thrown);
      logger.error('retention could not run; it is tried again tomorrow', { code, cause: message });
    });
  return every(RETENTION_MS, task);
}
