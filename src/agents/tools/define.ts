import type { Static, TSchema } from 'typebox';
import type { Action, Authority, Decision, RunResult, Subject, TaintLabel } from '../../kernel/index.ts';

/** Where every tool starts: the agent's workspace, or the run's own /tmp when it has none. */
interface ToolContext {
  readonly cwd: string;
}

/** Runs one argv in the sandbox of this call. */
export interface ToolRunner {
  run(argv: readonly [string, ...string[]], stdin?: Uint8Array): Promise<RunResult>;
  /** Whether the session may read this absolute path; lists and searches show nothing else. */
  readable(path: string): boolean;
}

export interface ToolText {
  readonly isError: boolean;
  readonly text: string;
  /** A code of TOOL_CODES when it failed. */
  readonly code?: string;
  /** Labels that reading this text adds to the session. */
  readonly taint?: readonly TaintLabel[];
}

/** One call with parsed arguments: what it will do, what an approval of it is bound to, and how to do it. */
export interface PreparedCall {
  /** Beyond `tool.call`; the strictest decision on all of them stands. Never empty. */
  readonly actions: readonly Action[];
  /** Replaces the plain decision on `actions` where a control has its own (commands). */
  readonly decide?: (authority: Authority, subject: Subject, now: number) => Decision;
  /** Canonical words of the action, for the approval. */
  readonly argv: readonly string[];
  /** Paths that the action names and that an approval fixes by content (see `namedFiles`). */
  readonly files: { readonly certain: readonly string[]; readonly possible: readonly string[] };
  /** The file that would change, and its new text from the old one; undefined when it does not fit. */
  readonly change?: { readonly path: string; apply(before: string): string | undefined };
  /** Commands: which files it may read beyond its actions, and whether it can change any. */
  readonly reach?: 'nothing' | 'names' | 'anything';
  readonly changesNothing?: boolean;
  readonly title: string;
  /** Shown to the approver in full. */
  readonly commandText: string;
  readonly timeoutMs?: number;
  execute(runner: ToolRunner): Promise<ToolText>;
}

/** Static facts of a tool. */
export interface ToolSpec<P extends TSchema> {
  readonly name: string;
  readonly description: string;
  readonly parameters: P;
  /** `read` changes nothing and may run beside other reads; anything else runs alone. */
  readonly effect: 'read' | 'write';
  /** Whether its runs get the way out that the agent has. */
  readonly network: boolean;
  /** Runs the model's own words: only the agent's listed programs exist there, and output is streamed. */
  readonly ownCommand: boolean;
  prepare(args: Static<P>, context: ToolContext): PreparedCall;
}

export type Tool = Omit<ToolSpec<TSchema>, 'prepare'> & {
  /** `args` must have passed `parameters`. Throws TOOL_ codes for arguments that make no sense together. */
  prepare(args: unknown, context: ToolContext): PreparedCall;
};

/** State a tool once, with arguments typed by its own schema. */
export function defineTool<P extends TSchema>(spec: ToolSpec<P>): Tool {
  return Object.freeze(spec) as unknown as Tool;
}
