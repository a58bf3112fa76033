import { loadsCode } from '../../kernel/index.ts';
import { SANDBOX_CODES } from './codes.ts';
import { INSIDE, SYSTEM_PROGRAM_DIRS } from './places.ts';

/** Most variables that one run may set. */
export const MAX_VARIABLES = 256;
/** Bytes of all names and values together. */
export const MAX_ENVIRONMENT_BYTES = 128 * 1024;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * What git takes over every configuration file (git-config(1), GIT_CONFIG_COUNT), because a workspace's own could start
 * programs: no file monitor, no transport helpers, no pager, no repository inside another that only looks like one
 * (CVE-2022-24765 and after), and no hooks. A hook of the workspace is written by whoever wrote the workspace.
 */
const GIT_CONFIG: readonly (readonly [key: string, value: string])[] = [
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.pager', 'cat'],
  ['protocol.ext.allow', 'never'],
  ['safe.bareRepository', 'explicit'],
];

/** Never from the caller of a run: these names are refused there. */
function gitConfiguration(): readonly (readonly [string, string])[] {
  const pairs = GIT_CONFIG.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key] as const,
    [`GIT_CONFIG_VALUE_${index}`, value] as const,
  ]);
  return [['GIT_CONFIG_COUNT', String(GIT_CONFIG.length)], ...pairs];
}

/**
 * The whole environment of a run. HOME is the run's own /tmp, so that no start-up file outlives it
 * (attack 65). Throws SANDBOX_ENV_REFUSED and SANDBOX_SPEC_INVALID.
 */
export function runEnvironment(
  requested: Readonly<Record<string, string>>,
  withEgress: boolean,
): ReadonlyMap<string, string> {
  const entries = Object.entries(requested);
  let bytes = 0;
  for (const [name, value] of entries) {
    if (!NAME.test(name) || value.includes('\0'))
      throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'a variable has an impossible name or value');
    if (loadsCode(name))
      throw SANDBOX_CODES.error('SANDBOX_ENV_REFUSED', `the variable ${name} may not be set for a run`);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  }
  if (entries.length > MAX_VARIABLES || bytes > MAX_ENVIRONMENT_BYTES)
    throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'the environment of the run is too large');
  const path = withEgress ? [...SYSTEM_PROGRAM_DIRS, INSIDE.tools] : SYSTEM_PROGRAM_DIRS;
  return new Map([
    ['HOME', '/tmp'],
    ['TMPDIR', '/tmp'],
    ['USER', 'agent'],
    ['LOGNAME', 'agent'],
    ['SHELL', '/bin/sh'],
    ['LANG', 'C.UTF-8'],
    ...entries,
    ...gitConfiguration(),
    ['PATH', path.join(':')],
  ]);
}
