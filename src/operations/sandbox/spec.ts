import { join } from 'node:path';
import { environmentOf, mountsOf, workingDirectory } from '../../agents/turn/sandbox-run.ts';
import type { AgentPolicy } from '../../agents/types.ts';
import type { RunSpec } from '../../kernel/index.ts';
import type { HomePaths } from '../services.ts';

/** Stands for the id that a real run gets. */
const EXAMPLE_RUN = 'example';

/** The run that a shell command of this agent would be, without anything being opened or started. */
export function shellRunOf(policy: AgentPolicy, command: string, home: HomePaths): RunSpec {
  return {
    runId: EXAMPLE_RUN,
    scope: policy.sandboxScope === 'shared' ? 'shared' : `${policy.sandboxScope}:${policy.agent}`,
    argv: ['/bin/sh', '-c', command],
    cwd: workingDirectory(policy),
    env: environmentOf(policy),
    mounts: mountsOf(policy),
    limits: policy.limits,
    ...(policy.egress === true ? { egressSocket: join(home.run, 'runs', `${EXAMPLE_RUN}.sock`) } : {}),
    ...(policy.programs === undefined ? {} : { programs: ['sh', ...policy.programs] }),
  };
}
