/**
 * What may run, on which files, and who said yes (X3, X4, X5).
 *
 * How a playbook's command patterns become rules of kind `exec`. A pattern is words as `canonicalArgv` writes
 * them, and its first word is what `analyseCommand` gives as `program`: the bare name for installed programs
 * (`git`, also when written `/usr/bin/git`), the absolute path for any other (`/workspace/build.sh`).
 *
 * - `ls`           → `{ program: ['ls'], command: ['ls'] }`: ls with any arguments.
 * - `git status`   → `{ program: ['git'], command: ['git status'] }`: argv that begins with these words.
 * - `git status $` → `{ program: ['git'], command: ['git status $'] }`: this argv and nothing longer.
 * - `*`            → `{ program: ['*'] }`: any command that is understood.
 *
 * Several patterns with one program may share a rule; patterns with different programs need one rule each,
 * or one with all programs and all commands, which means the same because a command begins with its program.
 * Only `decideCommand` decides on a line: it never allows what is not understood, whatever the rules say.
 */
export { bindingHash } from './approvals/binding.ts';
export { createApprovalService, type RunningApprovals } from './approvals/service.ts';
export { type ApprovalTables, migrations } from './approvals/tables.ts';
export { checkExecution } from './checks.ts';
export { APPROVAL_CODES, EXECUTION_CODES } from './codes.ts';
export { analyseCommand } from './commands/analyse.ts';
export { decideCommand } from './commands/decide.ts';
export { changesNothing, reachOf } from './commands/reach.ts';
export { bindingFiles } from './files/digest.ts';
export { locateFiles } from './files/located.ts';
export { namedFiles } from './files/named.ts';
export { normaliseSandboxPath } from './files/path.ts';
export { isPrivatePath } from './files/private.ts';
export { runsLater } from './files/runs-later.ts';
export type * from './types.ts';
