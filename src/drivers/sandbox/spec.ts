import type { RunResult, RunSpec } from '../../kernel/index.ts';
import { SANDBOX_CODES } from './codes.ts';
import { checkMasks, checkMounts, insideMounts } from './mounts.ts';

/** Bytes of one run's arguments together. */
export const MAX_ARGUMENT_BYTES = 128 * 1024;
/** Bytes of one run's standard input. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024;

/** Refuses what no sandbox can be made of. Throws SANDBOX_SPEC_INVALID and SANDBOX_MOUNT_REFUSED. */
export function checkSpec(spec: RunSpec, forbidden: readonly string[]): void {
  const invalid = (why: string) => SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', why);
  const bytes = spec.argv.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  if (spec.argv.length === 0 || spec.argv[0] === '') throw invalid('there is no command to run');
  if (spec.argv.some((argument) => argument.includes('\0'))) throw invalid('an argument holds a NUL byte');
  if (bytes > MAX_ARGUMENT_BYTES) throw invalid('the command is too long');
  if ((spec.stdin?.byteLength ?? 0) > MAX_STDIN_BYTES) throw invalid('the standard input is too long');
  for (const [name, value] of Object.entries(spec.limits))
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalid(`the limit ${name} is not a positive whole number`);
  checkMounts(spec.mounts, forbidden);
  checkMasks(spec.masks ?? [], spec.mounts);
  if (!insideMounts(spec.cwd, spec.mounts)) throw invalid('the working directory is not inside a mount');
}

/** The result of a run that was called off before anything of it was started. */
export function nothingRan(): RunResult {
  const nothing = new Uint8Array(0);
  return {
    end: 'aborted',
    exitCode: null,
    signal: null,
    stdout: nothing,
    stderr: nothing,
    droppedBytes: 0,
    durationMs: 0,
  };
}
