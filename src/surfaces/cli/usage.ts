import { GatehouseError } from '../../kernel/index.ts';
import type { Operation } from '../../operations/define.ts';

/** Codes that say that what was typed does not fit its command. */
const MISTYPED = new Set(['CLI_USAGE', 'OP_INPUT_INVALID']);

/** The same failure, pointing to the help of the very command that was typed. */
export function withHelpOf(operation: Operation, thrown: unknown): unknown {
  if (!(thrown instanceof GatehouseError) || !MISTYPED.has(thrown.code)) return thrown;
  const { code, message, status, details } = thrown;
  const fix = `gatehouse ${operation.cli.command} --help`;
  return new GatehouseError(code, message, { fix, status, details, cause: thrown });
}
