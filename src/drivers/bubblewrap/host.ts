import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { findProgram } from '../sandbox/find-program.ts';
import { SYSTEM_PROGRAM_DIRS } from '../sandbox/places.ts';
import type { Architecture } from '../sandbox/seccomp/numbers.ts';

/** What this machine offers, found once. */
export interface Host {
  readonly bwrap: string;
  readonly prlimit: string;
  readonly mkfifo: string;
  readonly version: string;
  readonly architecture: Architecture;
  /** `--disable-userns`, from 0.8. Without it the seccomp filter alone refuses nested namespaces. */
  readonly disablesUserNamespaces: boolean;
  /** `--bind-fd`: mounts go by descriptor, so that no name is looked up twice. */
  readonly bindsDescriptors: boolean;
  /** Whether a crash inside starts no program that the machine has for core files. */
  readonly noCoreHandler: boolean;
  /** Descriptors that whoever started this process left open for all its children. */
  readonly strayDescriptors: readonly number[];
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = { x64: 'x86_64', arm64: 'aarch64' };
const CLOSE_ON_EXEC = 0o2000000;
/** A stray descriptor beyond this cannot be covered, so nothing is run. */
const MAX_STRAY_DESCRIPTOR = 4096;

/** Throws SANDBOX_UNAVAILABLE with what is missing. */
export function inspectHost(programDirs: readonly string[] = SYSTEM_PROGRAM_DIRS): Host {
  const architecture = ARCHITECTURES[process.arch];
  const bwrap = findProgram('bwrap', programDirs);
  const prlimit = findProgram('prlimit', programDirs);
  const mkfifo = findProgram('mkfifo', programDirs);
  if (process.platform !== 'linux' || architecture === undefined)
    throw SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', 'bubblewrap needs Linux on x86_64 or aarch64', {
      fix: 'Run the gateway on such a machine, or in a container or virtual machine there.',
    });
  if (bwrap === undefined)
    throw SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', 'bubblewrap is not installed, so nothing is run');
  if (prlimit === undefined || mkfifo === undefined)
    throw SANDBOX_CODES.error(
      'SANDBOX_UNAVAILABLE',
      'prlimit (util-linux) or mkfifo (coreutils) is not installed, so nothing is run',
    );
  const ask = (option: string) => spawnSync(bwrap, [option], { encoding: 'utf8', env: {}, timeout: 5_000 });
  const help = ask('--help').stdout ?? '';
  return {
    bwrap,
    prlimit,
    mkfifo,
    version: (ask('--version').stdout ?? '').trim().split(' ').at(-1) ?? '',
    architecture,
    disablesUserNamespaces: help.includes('--disable-userns'),
    bindsDescriptors: help.includes('--ro-bind-fd'),
    noCoreHandler: limitCore(prlimit),
    strayDescriptors: strayDescriptors(),
  };
}

/**
 * Set this process's own limit on core files to 1, which every run inherits and no run can change: see RLIMIT_CORE in
 * the policy of system calls. A hard limit of 0 cannot be raised by an ordinary account.
 */
function limitCore(prlimit: string): boolean {
  spawnSync(prlimit, ['--pid', String(process.pid), '--core=1:1'], { env: {}, timeout: 5_000 });
  return /^Max core file size\s+1\s+1\s/m.test(readFileSync('/proc/self/limits', 'utf8'));
}

/** Node marks what it opens close-on-exec, so whatever is not was inherited (attack 57). */
function strayDescriptors(): readonly number[] {
  const stray: number[] = [];
  for (const name of readdirSync('/proc/self/fd')) {
    if (Number(name) <= 2) continue;
    let info: string;
    try {
      info = readFileSync(`/proc/self/fdinfo/${name}`, 'utf8');
    } catch {
      continue;
    }
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & CLOSE_ON_EXEC) === 0) stray.push(Number(name));
  }
  if (stray.some((fd) => fd > MAX_STRAY_DESCRIPTOR))
    throw SANDBOX_CODES.error(
      'SANDBOX_UNAVAILABLE',
      'the gateway was started with open descriptors it cannot hide',
      {
        fix: 'Start the gateway from a service manager or a plain shell.',
      },
    );
  return stray;
}

export type Layout = readonly (
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly link?: undefined }
)[];

/** How this machine arranges the directories that programs are loaded from: links into /usr, or directories. */
export function systemLayout(): Layout {
  const found: { path: string; link?: string }[] = [];
  for (const path of ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) found.push({ path, link: readlinkSync(path) });
    else if (stat?.isDirectory()) found.push({ path });
  }
  return found as Layout;
}
