import type { RunResult } from '../../kernel/index.ts';
import { TOOL_CODES } from '../codes.ts';
import type { ToolText } from './define.ts';

/** Characters of one result that a model reads. */
export const MAX_RESULT_CHARS = 30_000;

/** Exit codes that the fixed scripts of the file tools end with. */
const SCRIPT_EXITS: Readonly<Record<number, keyof typeof TOOL_CODES.table>> = {
  65: 'TOOL_FILE_NOT_FOUND',
  66: 'TOOL_PATH_INVALID',
  68: 'TOOL_PATH_LINK',
  69: 'TOOL_FAILED',
  71: 'TOOL_FILE_CHANGED',
};

/** Bytes as text; what is not UTF-8 is shown as the replacement character. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8').decode(bytes);
}

/** The first characters and a note of what is missing, so that the model knows it did not see everything. */
export function capped(text: string, note: string, max: number = MAX_RESULT_CHARS): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max)}\n[cut: ${text.length - max} more characters. ${note}]`;
}

/** An error result as the model reads it: what happened, its code, and what to do. */
export function failure(code: keyof typeof TOOL_CODES.table, said?: string): ToolText {
  const spec = TOOL_CODES.table[code];
  return { isError: true, code, text: `${said ?? spec.summary} (${code}). ${spec.fix}` };
}

/** Why a fixed script of a file tool failed; undefined when it did not. */
export function scriptFailure(result: RunResult, path: string): ToolText | undefined {
  const ended = endFailure(result);
  if (ended !== undefined) return ended;
  if (result.exitCode === 0) return undefined;
  const code = SCRIPT_EXITS[result.exitCode ?? -1] ?? 'TOOL_FAILED';
  const said = decode(result.stderr).trim().slice(0, 500);
  return failure(code, `${path}: ${TOOL_CODES.table[code].summary}${said === '' ? '' : `: ${said}`}`);
}

/** A run that did not end by itself. */
export function endFailure(result: RunResult): ToolText | undefined {
  switch (result.end) {
    case 'timeout':
      return failure('TOOL_STOPPED', 'the run took longer than it may and was stopped');
    case 'memory':
      return failure('TOOL_STOPPED', 'the run used more memory than it may and was stopped');
    case 'disk':
      return failure('TOOL_STOPPED', 'the disk is almost full and the run was stopped');
    case 'aborted':
      return failure('TOOL_STOPPED', 'the turn was ended and the run was stopped');
    case 'exited':
    case 'signalled':
      return undefined;
  }
}
