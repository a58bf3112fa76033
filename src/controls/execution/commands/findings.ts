import { normaliseSandboxPath } from '../files/path.ts';
import type { CommandAnalysis } from '../types.ts';
import { displayCommand } from '../visible.ts';

/** Directories that are kept in mind while a line changes between them. */
const MAX_DIRECTORIES = 8;

type ExecAction = CommandAnalysis['actions'][number];
type FileAction = CommandAnalysis['files'][number];

/** What is gathered over one line and everything that it hands on. */
export class Findings {
  readonly commands: { readonly program: string; readonly command: string }[] = [];
  /** Programs of which nothing is known. */
  readonly strangers = new Set<string>();
  readonly files = new Map<string, FileAction>();
  readonly reasons = new Set<string>();
  /** Every word of every command, for finding the files that they name. */
  readonly words: string[] = [];
  /** Directories that a word of the line may start from; the first is where the line starts. */
  readonly directories: string[];
  relativeUse = false;
  changesDirectory = false;

  constructor(cwd: string) {
    this.directories = [cwd];
  }

  get cwd(): string {
    return this.directories[0] ?? '/';
  }

  /** After `cd DIRECTORY` a relative name may mean a file below any directory seen so far. */
  enter(directory: string): void {
    this.changesDirectory = true;
    if (directory === '' || this.directories.length >= MAX_DIRECTORIES) return;
    const entered = this.directories.map((from) => normaliseSandboxPath(directory, from));
    this.directories.push(...entered.filter((path) => !this.directories.includes(path)));
  }

  result(): CommandAnalysis {
    if (this.changesDirectory && this.relativeUse) {
      this.reasons.add('a relative path in a line that changes the directory');
    }
    const unclear = this.reasons.size > 0;
    const actions = this.commands.map((command): ExecAction => ({ kind: 'exec', ...command, unclear }));
    return {
      actions,
      files: [...this.files.values()],
      unclear: [...this.reasons].map(displayCommand),
      strangers: [...this.strangers],
    };
  }
}
