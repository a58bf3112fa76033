import { Workspaces } from '../../agents/turn/workspaces.ts';
import { SECRETS_CODES, type Settled } from '../../controls/secrets/index.ts';
import type { Alerts, Ledger, Logger, RunObserver, RunResult, RunSpec, Sandbox } from '../../kernel/index.ts';
import type { MaskerClient } from './client.ts';
import type { UntouchedFiles } from './untouched.ts';

export interface MaskedSandboxOptions {
  readonly masker: MaskerClient;
  readonly alerts: Alerts;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly untouched: UntouchedFiles;
}

/** A sandbox whose runs see placeholders where files of their mounts hold credentials, whatever the backend (K5). */
export function maskedSandbox<Port extends Sandbox>(sandbox: Port, options: MaskedSandboxOptions): Port {
  const { masker } = options;
  const stops = new Map<string, AbortController>();
  const lanes = new Workspaces();
  /** Folders of which a subfolder holds credentials. */
  const nested = new Set<string>();
  masker.onReplaced((runs) => {
    for (const run of runs) stops.get(run)?.abort(SECRETS_CODES.error('SECRETS_WORKSPACE_CHANGED'));
  });

  /**
   * A run of foreign words could rename the folder of a masked file while another run is being set up, and so have
   * the mask laid over the wrong place: where that is possible it runs alone. Scripts of Gatehouse run together.
   */
  const enter = (spec: RunSpec, signal: AbortSignal): Promise<() => void> => {
    const folders = spec.mounts.map(({ source }) => source);
    const alone = spec.fixed !== true && folders.some((folder) => nested.has(folder));
    return lanes.enter(folders, alone ? 'alone' : 'shared', signal);
  };

  const opened = async (spec: RunSpec, signal: AbortSignal) => {
    for (;;) {
      const leave = await enter(spec, signal);
      try {
        const masks = await masker.open(spec.runId, spec.mounts, {
          wayOut: spec.egressSocket !== undefined,
          exchange: spec.fixed !== true,
        });
        const folders = spec.mounts.map(({ source }) => source);
        const fresh = masks.nested && !folders.some((folder) => nested.has(folder));
        if (!fresh) return { ...masks, leave };
        for (const folder of folders) nested.add(folder);
        if (spec.fixed === true) return { ...masks, leave };
        await masker.close(spec.runId);
        leave();
      } catch (thrown) {
        leave();
        throw thrown;
      }
    }
  };

  const run = async (spec: RunSpec, signal: AbortSignal, observer?: RunObserver): Promise<RunResult> => {
    if (spec.mounts.length === 0) return sandbox.run(spec, signal, observer);
    const { masks, leave } = await opened(spec, signal);
    const stop = new AbortController();
    stops.set(spec.runId, stop);
    try {
      if (masks.length > 0 && sandbox.masksFiles !== true)
        throw SECRETS_CODES.error('SECRETS_BACKEND_CANNOT_MASK');
      const result = await sandbox.run(
        masks.length === 0 ? spec : { ...spec, masks },
        AbortSignal.any([signal, stop.signal]),
        observer,
      );
      stop.signal.throwIfAborted();
      return result;
    } finally {
      stops.delete(spec.runId);
      await settle(options, spec.runId);
      leave();
    }
  };

  return { ...sandbox, run };
}

async function settle(options: MaskedSandboxOptions, runId: string): Promise<void> {
  try {
    const settled = await options.masker.close(runId);
    options.untouched.note(settled);
    await reportKept(options, settled, runId);
  } catch (cause) {
    // The copies stay where they are, and the next start goes on with them.
    options.logger.error('changes to files with credentials were not written back yet', {
      run: runId,
      cause: `${cause}`,
    });
  }
}

/** What could not be written back is kept, and somebody has to know. */
export async function reportKept(
  { alerts, ledger, logger }: Pick<MaskedSandboxOptions, 'alerts' | 'ledger' | 'logger'>,
  settled: readonly Settled[],
  run?: string,
): Promise<void> {
  for (const { path, outcome, kept, why } of settled) {
    const subject = run === undefined ? {} : { subject: { principal: 'gateway', run } };
    if (outcome === 'removed') {
      const data = { path, kept: kept ?? '' };
      await ledger.append({
        type: 'change',
        action: 'secrets.removed',
        outcome: 'success',
        ...subject,
        data,
      });
    }
    if (outcome !== 'kept') continue;
    logger.warn('a changed file with credentials was not written back', { path, kept, why });
    alerts.raise({
      rule: 'secrets.write-back-kept',
      code: 'SECRETS_NOT_WRITTEN_BACK',
      severity: 'warning',
      title: 'a run changed a file with credentials, and the change was kept beside it',
      fix: 'Compare the kept file, which holds placeholders, with the original and take over what you want.',
      key: path,
      ...subject,
      data: { path, kept: kept ?? '', why: why ?? '' },
    });
  }
}
