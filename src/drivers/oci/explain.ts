import type { RunSpec } from '../../kernel/index.ts';
import type { OciOptions } from './options.ts';

/** The isolation of a run in words: the engine's own arguments are made when it starts. */
export function explainRun({ engine, image }: OciOptions, spec: RunSpec): readonly string[] {
  const { limits } = spec;
  const { name, id } = image(spec.image) ?? { name: 'none', id: 'run `gatehouse sandbox setup`' };
  return [
    `backend: ${engine}, image ${name} (${id}), never fetched`,
    `network: ${spec.egressSocket === undefined ? 'none, not even a socket' : `only ${spec.egressSocket}`}`,
    'programs: those of the image, read-only',
    `memory: ${limits.memoryBytes} bytes, processes: ${limits.processes}`,
    `file size: ${limits.fileBytes} bytes, open files: ${limits.openFiles}, cpu: ${limits.cpuSeconds} s per process`,
    `/tmp: ${limits.tmpBytes} bytes, wall time: ${limits.wallMs} ms, output: ${limits.outputBytes} bytes per stream`,
    ...spec.mounts.map(({ source, target, mode }) => `mount: ${source} at ${target} (${mode})`),
    'capabilities: none, no new privileges, system calls by the allow-list of every backend',
    ...spec.argv.map((argument) => `  ${JSON.stringify(argument)}`),
  ];
}
