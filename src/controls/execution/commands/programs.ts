import type { ProgramRow } from './program-row.ts';
import { WITH_OPTIONS } from './programs-options.ts';
import { SHELL_AND_CODE } from './programs-shell.ts';
import { WITH_SUBCOMMANDS } from './programs-subcommands.ts';
import { WRAPPERS } from './programs-wrappers.ts';
import { WRITING } from './programs-writing.ts';

/** Everything that is known about programs beyond "it runs its arguments as data". */
export const PROGRAMS: readonly ProgramRow[] = [
  ...SHELL_AND_CODE,
  ...WRAPPERS,
  ...WITH_OPTIONS,
  ...WITH_SUBCOMMANDS,
  ...WRITING,
];

const BY_NAME: ReadonlyMap<string, ProgramRow> = new Map(
  PROGRAMS.flatMap((row) => row.names.map((name) => [name, row] as const)),
);

/** The dynamic loader runs the file it is given (ld.so(8)). */
const LOADER: ProgramRow = {
  names: ['ld.so'],
  source: 'ld.so(8)',
  kind: 'opaque',
  why: 'the dynamic loader runs the file it is given',
};

/**
 * The row of a program, by the last part of its path. Letter case and a version at the end do not matter
 * (`Python`, `python3.12`, `gcc-12`), because both are the same program somewhere.
 */
export function programRow(program: string): ProgramRow | undefined {
  const name = program.slice(program.lastIndexOf('/') + 1).toLowerCase();
  if (/^ld(-.*)?\.so/.test(name)) return LOADER;
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(/-?[0-9][0-9.]*$/, ''));
}
