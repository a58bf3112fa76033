import type { ProgramRow } from './program-row.ts';
import { WITH_OPTIONS } from './programs-options.ts';
import { SHELL_AND_CODE } from './programs-shell.ts';
import { WITH_SUBCOMMANDS } from './programs-subcommands.ts';
import { DATA_PROGRAMS, UNJUDGED } from './programs-unjudged.ts';
import { WRAPPERS } from './programs-wrappers.ts';
import { WRITING } from './programs-writing.ts';

/** Everything that is known about programs beyond "it runs its arguments as data". */
export const PROGRAMS: readonly ProgramRow[] = [
  ...SHELL_AND_CODE,
  ...WRAPPERS,
  ...WITH_OPTIONS,
  ...WITH_SUBCOMMANDS,
  ...UNJUDGED,
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

/** Tool chains carry their target in front of their name (`x86_64-linux-gnu-gcc`). */
const TARGET = /^(?:[a-z0-9_]+-){2,4}(?=(?:gcc|g\+\+|c\+\+|cpp|ld|as|ar|nm|ranlib|strip|objcopy)\b)/;

/** Letter case and a version at the end do not matter: `Python`, `python3.12`, `gcc-12` are one program somewhere. */
function baseName(program: string): string {
  const name = program.slice(program.lastIndexOf('/') + 1).toLowerCase();
  return name.replace(TARGET, '');
}

/** The row of a program, by the last part of its path. */
export function programRow(program: string): ProgramRow | undefined {
  const name = baseName(program);
  if (/^ld(-.*)?\.so/.test(name)) return LOADER;
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(/-?[0-9][0-9.]*$/, ''));
}

/** Whether it only reads and prints, whatever it is given; by its exact name and from a system directory. */
export function isDataProgram(program: string): boolean {
  const directory = program.slice(0, program.lastIndexOf('/') + 1);
  return (
    /^(?:\/(?:usr\/(?:local\/)?)?s?bin\/)?$/.test(directory) &&
    DATA_PROGRAMS.has(program.slice(directory.length))
  );
}
