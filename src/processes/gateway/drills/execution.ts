import { join } from 'node:path';
import { DRILL_CODES, type RangeContext } from '../../../controls/drills/index.ts';
import type { ExecutionRange } from '../../../controls/execution/drills.ts';
import { NotApplicable } from '../../../kernel/index.ts';
import type { Caller } from '../../../operations/define.ts';
import { shellRunOf } from '../../../operations/sandbox/spec.ts';
import type { HomePaths } from '../../../operations/services.ts';
import type { Core } from '../../core.ts';

type ExecutionPorts = Pick<ExecutionRange, 'secretPaths' | 'gatewayPid' | 'session' | 'shell'>;

/** Sandboxed runs as drills see them: the mounts and limits of a real agent, without a way out. */
export function executionPorts(
  { core, paths }: { readonly core: Core; readonly paths: HomePaths },
  context: RangeContext,
): ExecutionPorts {
  const { config, sandbox, sessions } = core;
  const { space } = context.caller as Caller;
  return {
    secretPaths: [
      join(paths.state, 'state.db'),
      join(paths.state, 'ledger.db'),
      join(paths.keys, 'ledger.key'),
      paths.config,
    ],
    gatewayPid: process.pid,
    async session(agent, { id }) {
      const key = sessions.canonicalKey(`drill-${id}`, agent);
      await context.willMake('session', `${space} ${key}`);
      return key;
    },
    async shell(agent, script, { id }) {
      const { available, fix = '' } = await sandbox.probe();
      if (!available) throw new NotApplicable(`no sandbox works here, so tools are refused: ${fix}`);
      const policy = config.current().agents.get(agent);
      if (policy === undefined) throw DRILL_CODES.error('DRILL_SETUP_FAILED', `there is no agent ${agent}`);
      const { egressSocket: _way, programs: _listed, ...run } = shellRunOf(policy, script, paths);
      const { stdout, stderr, end } = await sandbox.run({ ...run, runId: `drill-${id}` }, context.signal);
      const output = Buffer.concat([stdout, stderr]).toString('utf8');
      return { output: end === 'exited' ? output : `${output}\n(${end})` };
    },
  };
}
