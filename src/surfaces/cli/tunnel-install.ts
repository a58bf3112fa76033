import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { unifiedDiff } from '../../configuration/snapshots/diff.ts';
import {
  type InstallFormat,
  originOf,
  REACH_CODES,
  readTunnel,
  TUNNEL_FORMATS,
  tunnelFile,
} from '../../controls/listen/index.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { diffLines } from './render/reports.ts';

const USUAL_PORT = '18789';
const FORMATS = TUNNEL_FORMATS.filter((format) => format !== 'command');

export interface TunnelChange {
  readonly file: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'removed' | 'absent';
  readonly diff: string;
  /** What to type now; nothing of it is run here. */
  readonly next: readonly string[];
}

function text(given: GivenOptions, key: string): string | undefined {
  const value = given[key];
  return typeof value === 'string' ? value : undefined;
}

function formatOf(given: GivenOptions): InstallFormat {
  const wanted = text(given, 'format');
  const format = FORMATS.find((one) => one === wanted);
  if (format === undefined) throw CLI_CODES.error('CLI_USAGE', `--format is one of ${FORMATS.join(', ')}`);
  return format;
}

/** Digits only: `Number` would take `1e4` and blanks too. */
function port(given: string): number {
  return /^\d{1,5}$/.test(given) ? Number(given) : Number.NaN;
}

function plan(given: GivenOptions, format: InstallFormat) {
  const host = text(given, 'host');
  const isRemoval = given['uninstall'] === true;
  if (host === undefined && !isRemoval) throw CLI_CODES.error('CLI_USAGE', '--host is missing: user@host');
  const remotePort = text(given, 'remotePort') ?? USUAL_PORT;
  const sshPort = text(given, 'sshPort');
  const tunnel = readTunnel({
    // Only the name says which file goes.
    host: host ?? 'localhost',
    remotePort: port(remotePort),
    localPort: port(text(given, 'localPort') ?? remotePort),
    sshPort: sshPort === undefined ? undefined : port(sshPort),
    identity: text(given, 'identity'),
    name: text(given, 'name'),
  });
  return { ...tunnelFile(tunnel, format), isRemoval };
}

/**
 * The file's text, or undefined when there is none.
 *
 * @throws REACH_FILE_NOT_OURS for a link, a folder or somebody else's text; REACH_FILE_CHANGED
 */
function ownText(file: string): string | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const content = found.isFile() ? readFileSync(file, 'utf8') : '';
  const origin = originOf(content);
  if (origin === 'foreign')
    throw REACH_CODES.error('REACH_FILE_NOT_OURS', `${file} was not written by this command`);
  if (origin === 'changed') throw REACH_CODES.error('REACH_FILE_CHANGED', `${file} was changed since`);
  return content;
}

/** All or nothing: whoever reads the file meanwhile, or after a crash, finds the old one or the new one. */
function writeAtomically(file: string, content: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const handle = openSync(temporary, 'wx', mode);
  try {
    writeSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}

/** Put a tunnel's file into this account's home, or take it away. @throws REACH_*, CLI_USAGE */
export function installTunnel(
  given: GivenOptions,
  env: Readonly<Record<string, string | undefined>>,
): TunnelChange {
  const home = env['HOME'] ?? '';
  if (!isAbsolute(home)) throw REACH_CODES.error('REACH_HOME_UNKNOWN');
  const { place, mode, text: wanted, next, before, isRemoval } = plan(given, formatOf(given));
  const file = join(home, place);
  const existing = ownText(file);
  if (isRemoval) {
    if (existing !== undefined) rmSync(file);
    const diff = existing === undefined ? '' : unifiedDiff(existing, '', file, 'nothing');
    return { file, action: existing === undefined ? 'absent' : 'removed', diff, next: before };
  }
  if (existing === wanted) return { file, action: 'unchanged', diff: '', next };
  writeAtomically(file, wanted, mode);
  const diff = unifiedDiff(existing ?? '', wanted, existing === undefined ? 'nothing' : file, file);
  return { file, action: existing === undefined ? 'created' : 'updated', diff, next };
}

const SAID: Readonly<Record<TunnelChange['action'], string>> = {
  created: 'Written',
  updated: 'Changed',
  unchanged: 'Unchanged',
  removed: 'Removed',
  absent: 'Not there',
};

/** The command around it: what changed, and what to type next. */
export function runTunnelInstall({ io, output }: Command, given: GivenOptions): number {
  const change = installTunnel(given, io.env);
  if (given['json'] === true) {
    output.document(change);
    return EXIT.ok;
  }
  output.lines([
    ...(change.diff === '' ? [] : [...diffLines(change.diff, output.view), '']),
    `${SAID[change.action]}: ${change.file}`,
    ...(change.next.length === 0
      ? []
      : ['Now type, when it suits you:', ...change.next.map((line) => `  ${line}`)]),
  ]);
  return EXIT.ok;
}
