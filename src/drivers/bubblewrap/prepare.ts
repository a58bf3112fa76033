import { type Kit, prepareKit } from '../sandbox/kit.ts';
import { type BaseMounts, baseMounts, isolationArguments, type ProcessLimits } from './arguments.ts';
import { findGroupParent, GroupMaker } from './cgroups.ts';
import { type Host, inspectHost } from './host.ts';
import type { BubblewrapOptions } from './options.ts';
import { PipePool } from './pipes.ts';

/** Everything about this machine and install that is found once, at the first run. */
export interface Prepared {
  readonly host: Host;
  readonly kit: Kit;
  readonly base: BaseMounts;
  readonly isolation: readonly string[];
  readonly groups: GroupMaker | undefined;
  readonly pipes: PipePool;
}

/** Look at the machine and write the kit. Throws SANDBOX_UNAVAILABLE. */
export function prepare(options: BubblewrapOptions): Prepared {
  const host = inspectHost(options.programDirs);
  const parent = options.cgroups === false ? undefined : findGroupParent();
  const kit = prepareKit(options.workDir, options.insideDir, host.architecture);
  return {
    host,
    kit,
    base: baseMounts(kit),
    isolation: isolationArguments(host),
    groups: parent === undefined ? undefined : new GroupMaker(parent),
    pipes: new PipePool(host.mkfifo, options.workDir),
  };
}

/** Which limits the kernel has to keep per process for want of a control group. */
export function processLimits(machine: Prepared): ProcessLimits {
  return { memory: machine.groups === undefined, processes: machine.groups === undefined };
}
