import type { PreparedCall, Tool, ToolText } from '../tools/define.ts';
import type { AgentPolicy } from '../types.ts';
import type { CallRunner } from './sandbox-run.ts';
import type { Incoming } from './sources.ts';

function within(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}

/**
 * Whether the call could see a read-only mount. Those hold what others write (logs, documents), while the
 * workspace and writable mounts are where the agent itself works. A command may read without naming what it
 * reads, so its words are not asked.
 */
function seesOthersFiles(policy: AgentPolicy, tool: Tool, prepared: PreparedCall): boolean {
  const others = policy.mounts.filter(({ mode }) => mode === 'ro').map(({ target }) => target);
  if (tool.ownCommand) return others.length > 0;
  return prepared.actions.some(
    (action) =>
      action.kind === 'file.read' &&
      others.some((target) => within(action.path, target) || within(target, action.path)),
  );
}

/**
 * Where a result can have come from (X9): what a run got through egress and what lies in read-only mounts was written
 * by somebody outside. A run that had a way out and did not use it adds nothing, so that an assistant that only builds
 * and tests is not asked about every command.
 */
export function exposedTo(
  policy: AgentPolicy,
  { tool, prepared }: { readonly tool: Tool; readonly prepared: PreparedCall },
  runner: CallRunner,
  result: ToolText,
): readonly Incoming[] {
  const found: Incoming[] = [];
  if (result.taint !== undefined) found.push({ labels: result.taint, source: prepared.title });
  if (runner.reached()) found.push({ labels: ['untrusted'], source: `the network, through ${tool.name}` });
  if (seesOthersFiles(policy, tool, prepared)) {
    found.push({ labels: ['untrusted'], source: 'a read-only mount, which others write' });
  }
  return found;
}
