import type { RunSpec } from '../../kernel/index.ts';
import { runEnvironment } from '../sandbox/environment.ts';
import { INSIDE } from '../sandbox/places.ts';
import { trustEnvironment } from '../sandbox/trust.ts';
import { CONTROL } from './arguments.ts';

/** What the guard says, on the engine's side, when a mount is not what was checked. */
export const MOUNT_CHANGED = 'gatehouse-mount-changed';

/** One file of the host by what it is, not by what it is called. */
export interface Identity {
  readonly target: string;
  readonly dev: number;
  readonly ino: number;
}

/** A word of a POSIX shell that means exactly this text. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * What process 1 of a container does. Engines mount by name, and a name can be swapped between the check and the
 * mount (attack 65); so before the command starts, the guard compares what is mounted with what was checked. It
 * stays process 1, takes in orphans, and everything ends with it. It runs with the command's own rights and is
 * only trusted for what it does before the command starts.
 */
export function guardScript(spec: RunSpec, mounted: readonly Identity[]): string {
  const environment = runEnvironment(spec.env, spec.egressSocket !== undefined);
  const bridge = spec.egressSocket === undefined ? [] : [INSIDE.node, INSIDE.bridge, '--'];
  const command = [
    '/usr/bin/env',
    '-i',
    ...[...environment, ...trustEnvironment(spec)].map(([name, value]) => `${name}=${value}`),
    ...bridge,
    ...spec.argv,
  ];
  return [
    'umask 022',
    ...mounted.map(
      ({ target, dev, ino }) =>
        `[ "$(/usr/bin/stat -c %d:%i -- ${quoted(target)})" = ${dev}:${ino} ] || { echo ${MOUNT_CHANGED} >&2; exit 125; }`,
    ),
    `cd -- ${quoted(spec.cwd)} || exit 125`,
    `echo S > ${CONTROL}/status`,
    // In a subshell, so that what the guard has to say about a signal does not end up in the run's own output.
    `( ulimit -n ${spec.limits.openFiles}; exec ${command.map(quoted).join(' ')} ) < ${CONTROL}/in > ${CONTROL}/out 2> ${CONTROL}/err`,
    'exit $?',
    '',
  ].join('\n');
}
