import { joinTaint, type TaintLabel } from '../../kernel/index.ts';
import type { PreparedCall, Tool, ToolText } from '../tools/define.ts';
import type { AgentPolicy } from '../types.ts';
import type { CallRunner } from './sandbox-run.ts';

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
 * The result with the labels of where it can have come from (X9): what a run got through egress and what lies in
 * read-only mounts was written by somebody outside. A run that had a way out and did not use it adds nothing, so
 * that an assistant that only builds and tests is not asked about every command.
 */
export function labelled(
  policy: AgentPolicy,
  { tool, prepared }: { readonly tool: Tool; readonly prepared: PreparedCall },
  runner: CallRunner,
  result: ToolText,
): ToolText {
  if (!runner.reached() && !seesOthersFiles(policy, tool, prepared)) return result;
  const taint: readonly TaintLabel[] = joinTaint(result.taint ?? [], ['untrusted']);
  return { ...result, taint };
}
