import type { RunSpec } from '../../kernel/index.ts';
import { ARGUMENTS_FD, commandArguments, FILTER_FD, runArguments } from './arguments.ts';
import type { BubblewrapOptions } from './options.ts';
import { type Prepared, processLimits } from './prepare.ts';

/** The isolation of a run in words, then the exact arguments, one option per line. */
export function explainRun(machine: Prepared, options: BubblewrapOptions, spec: RunSpec): readonly string[] {
  const { host, kit, base, isolation } = machine;
  const own = processLimits(machine);
  const perRun = runArguments(spec, base, kit, host, options);
  const command = commandArguments(spec, host, own);
  const { limits } = spec;
  return [
    `backend: bubblewrap ${host.version} (${host.bwrap})`,
    `network: ${spec.egressSocket === undefined ? 'none, not even a socket' : `only ${spec.egressSocket}`}`,
    `programs: ${spec.programs === undefined ? 'the system directories, read-only' : spec.programs.join(', ')}`,
    `memory: ${limits.memoryBytes} bytes ${perGroup(machine)}`,
    `processes: ${limits.processes} ${perGroup(machine)}`,
    `file size: ${limits.fileBytes} bytes, open files: ${limits.openFiles}, cpu: ${limits.cpuSeconds} s per process`,
    `/tmp: ${limits.tmpBytes} bytes, wall time: ${limits.wallMs} ms, output: ${limits.outputBytes} bytes per stream`,
    ...spec.mounts.map(({ source, target, mode }) => `mount: ${source} at ${target} (${mode})`),
    'credentials: files below the mounts that hold some are seen as copies with placeholders',
    `system calls: descriptor ${FILTER_FD} is ${kit.filter}`,
    host.bwrap,
    ...optionLines(isolation),
    `  # from descriptor ${ARGUMENTS_FD}:`,
    ...optionLines(perRun),
    '  --',
    ...command.map((argument) => `  ${JSON.stringify(argument)}`),
  ];
}

function perGroup(machine: Prepared): string {
  if (machine.groups === undefined) return 'per process (no control group can be made here)';
  return `for the whole run (control group version ${machine.groups.parent.version})`;
}

function optionLines(list: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const word of list) {
    if (word.startsWith('--') || lines.length === 0) lines.push(`  ${word}`);
    else lines.push(`${lines.pop()} ${JSON.stringify(word)}`);
  }
  return lines;
}
