import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_CODES } from '../codes.ts';
import { nodeFiles } from '../files.ts';
import { resolveIncludes } from '../input/include.ts';
import { MAX_CONFIG_BYTES, parseJson5 } from '../input/parse.ts';
import { Issues } from '../issues.ts';
import { isPlainObject } from '../objects.ts';
import type { ConfigIssue } from '../types.ts';

/** Entries of one folder, and folders below the home, that are looked at; what is left out is reported. */
export const MAX_ENTRIES = 2_000;
/** Names under which OpenClaw's configuration has been kept. */
const CONFIG_NAMES = ['openclaw.json', 'clawdbot.json', 'moltbot.json'];

/** One file or folder, as the file system reports it and not as its name says. */
export interface FileFact {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Permission bits of what is there, behind a link if it is one. */
  readonly mode: number;
  readonly uid: number;
  readonly size: number;
}

/** Everything that the audit and the migration look at. Values of secrets are in `raw`: they are never shown. */
export interface OpenClawHome {
  readonly dir: string;
  readonly configPath: string;
  /** The configuration with its includes merged; `{}` when there is none. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** What could not be read of it. */
  readonly issues: readonly ConfigIssue[];
  /** Files that the configuration includes. */
  readonly includes: readonly FileFact[];
  readonly home: FileFact;
  readonly config: FileFact | undefined;
  /** Other files of the home that hold credentials, transcripts or approvals. */
  readonly files: readonly (FileFact & { readonly holds: Holds })[];
  /** Folders that have more entries than are looked at. */
  readonly truncated: readonly string[];
  /** Names of variables in the home's `.env`; never their values. */
  readonly envNames: readonly string[];
  readonly extensions: readonly string[];
  readonly uid: number;
}

export type Holds = 'credentials' | 'profiles' | 'sessions' | 'logs' | 'environment' | 'approvals' | 'state';

/** Facts about a path; undefined when nothing is there. */
export function factOf(path: string): FileFact | undefined {
  const own = lstatSync(path, { throwIfNoEntry: false });
  if (own === undefined) return undefined;
  const behind = own.isSymbolicLink() ? (statSync(path, { throwIfNoEntry: false }) ?? own) : own;
  const kind = own.isSymbolicLink() ? 'link' : own.isDirectory() ? 'folder' : own.isFile() ? 'file' : 'other';
  return { path, kind, mode: behind.mode & 0o7777, uid: behind.uid, size: behind.size };
}

function entries(folder: string, truncated: string[]): readonly string[] {
  try {
    const names = readdirSync(folder).sort();
    if (names.length > MAX_ENTRIES) truncated.push(folder);
    return names.slice(0, MAX_ENTRIES).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** What each place of a home holds. A `*` stands for every entry of that folder. */
const PLACES: readonly (readonly [pattern: string, holds: Holds])[] = [
  ['.env', 'environment'],
  ['exec-approvals.json', 'approvals'],
  ['credentials', 'credentials'],
  ['credentials/*', 'credentials'],
  ['state', 'state'],
  ['state/*', 'state'],
  ['agents/*/agent/auth-profiles.json', 'profiles'],
  ['agents/*/agent/openclaw-agent.sqlite', 'profiles'],
  ['agents/*/sessions', 'sessions'],
  ['agents/*/sessions/*', 'sessions'],
  ['logs/*', 'logs'],
];

function matching(dir: string, pattern: string, truncated: string[]): readonly string[] {
  let found: readonly string[] = [dir];
  for (const step of pattern.split('/')) {
    found = found.flatMap((at) => (step === '*' ? entries(at, truncated) : [join(at, step)]));
  }
  return found;
}

/** `NAME=` at the beginning of a line; the value is not kept. */
function environmentNames(path: string): readonly string[] {
  try {
    const bytes = nodeFiles.read(path, MAX_CONFIG_BYTES);
    const text = bytes === undefined ? '' : new TextDecoder().decode(bytes);
    return [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]{0,127})\s*=/gm)].map(
      ([, name]) => name ?? '',
    );
  } catch {
    return [];
  }
}

function readConfig(configPath: string, dir: string) {
  const issues = new Issues();
  const includes: string[] = [];
  const bytes = nodeFiles.read(configPath, MAX_CONFIG_BYTES);
  if (bytes === undefined) return { raw: {}, issues: [], includes };
  const parsed = parseJson5(bytes);
  for (const { segments, code, facts } of parsed.problems)
    issues.error(segments, code, { file: configPath, ...facts });
  if (!parsed.ok) return { raw: {}, issues: issues.errors, includes };
  const context = { home: dir, files: nodeFiles, issues, onRead: (file: string) => void includes.push(file) };
  const whole = resolveIncludes(parsed.value, configPath, context);
  return { raw: isPlainObject(whole) ? whole : {}, issues: issues.errors, includes };
}

/**
 * Look at an OpenClaw home without changing anything in it.
 *
 * @throws CONFIG_OPENCLAW_HOME_MISSING when there is no such folder or no configuration in it
 */
export function readOpenClawHome(dir: string, uid: number): OpenClawHome {
  const home = factOf(dir);
  const paths = CONFIG_NAMES.map((name) => join(dir, name));
  const configPath = paths.find((path) => factOf(path) !== undefined);
  if (home === undefined || configPath === undefined) {
    throw CONFIG_CODES.error('CONFIG_OPENCLAW_HOME_MISSING', `there is no ${CONFIG_NAMES[0]} in ${dir}`);
  }
  const truncated: string[] = [];
  const files = PLACES.flatMap(([pattern, holds]) =>
    matching(dir, pattern, truncated).flatMap((path) => {
      const fact = factOf(path);
      return fact === undefined ? [] : [{ ...fact, holds }];
    }),
  );
  const { raw, issues, includes } = readConfig(configPath, dir);
  return {
    dir,
    configPath,
    raw,
    issues,
    includes: includes.flatMap((path) => factOf(path) ?? []),
    home,
    config: factOf(configPath),
    files,
    truncated: [...new Set(truncated)],
    envNames: environmentNames(join(dir, '.env')),
    extensions: entries(join(dir, 'extensions'), truncated).filter((path) => factOf(path)?.kind !== 'file'),
    uid,
  };
}
