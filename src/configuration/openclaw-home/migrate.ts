import { isDeepStrictEqual } from 'node:util';
import { GatehouseError } from '../../kernel/index.ts';
import { CONFIG_CODES } from '../codes.ts';
import { nodeFiles, overlayFiles } from '../files.ts';
import { loadConfig } from '../load.ts';
import { formatPath, parsePath, type Segment, valueAt } from '../path.ts';
import type { ConfigIssue, ConfigPaths } from '../types.ts';
import type { OpenClawHome } from './home.ts';
import { nameProviders } from './migrate-providers.ts';
import {
  type Change,
  closeChannels,
  type Draft,
  type MovedSecret,
  moveSecrets,
  narrowListening,
  separateWorkspaces,
} from './migrate-steps.ts';

export type { Change, MovedSecret } from './migrate-steps.ts';

/** Settings that are taken out one after the other before giving up; a home has far fewer. */
const MAX_ROUNDS = 50;

export interface Migration {
  /** The new configuration, as a file. It loads. */
  readonly text: string;
  readonly changes: readonly Change[];
  readonly secrets: readonly MovedSecret[];
  /** What is in the home beside the configuration, and what becomes of it. */
  readonly rest: readonly { readonly path: string; readonly why: string }[];
  readonly warnings: readonly ConfigIssue[];
}

export interface MigrateOptions {
  /** The Gatehouse home that the configuration is meant for; nothing is written there. */
  readonly paths: ConfigPaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: number;
}

/** Keys whose entries mean something even when they are empty: an agent, a channel, a group. */
const NAMED = new Set<Segment>(['entries', 'channels', 'accounts', 'groups', 'providers']);

/** Take a key out, and the objects around it that nothing is left in. An element of a list closes the gap. */
function remove(root: unknown, segments: readonly Segment[]): boolean {
  const parent = valueAt(root, segments.slice(0, -1));
  const last = segments.at(-1);
  if (parent === null || typeof parent !== 'object' || last === undefined || !Object.hasOwn(parent, last))
    return false;
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete (parent as Draft)[last];
  const owner = segments.slice(0, -1);
  const isEmpty = !Array.isArray(parent) && Object.keys(parent).length === 0;
  if (isEmpty && owner.length > 0 && typeof owner.at(-1) === 'string' && !NAMED.has(owner.at(-2) ?? ''))
    remove(root, owner);
  return true;
}

/**
 * What stands in for a bound that cannot be taken over. Without it the absence of the bound would be wider than what
 * the operator wrote; the narrowest value never is.
 */
function narrowest(segments: readonly Segment[]): unknown {
  const [last, owner] = [segments.at(-1), segments.at(-2)];
  const ofAgent = segments[0] === 'agents';
  if (owner === 'tools' && last === 'allow') return [];
  if (owner === 'tools' && last === 'deny') return ['*'];
  if (last === 'tools' && (segments.length === 1 || ofAgent)) return { allow: [] };
  if (last === 'networkPolicy' && segments.length === 1) return { allow_egress: false, egress_allowlist: [] };
  if (last === 'workspaceAccess') return 'none';
  if (last === 'sandbox' && ofAgent) return { workspaceAccess: 'none' };
  return undefined;
}

function replace(root: unknown, segments: readonly Segment[], value: unknown): boolean {
  const parent = valueAt(root, segments.slice(0, -1));
  const last = segments.at(-1);
  if (parent === null || typeof parent !== 'object' || last === undefined) return false;
  if (isDeepStrictEqual(valueAt(root, segments), value)) return false;
  (parent as Draft)[last] = value;
  return true;
}

interface Taken {
  readonly path: string;
  readonly what: string;
}

/** The narrowest thing on the way to an issue that is really there: a missing key means that its owner goes. */
function takeOut(root: unknown, path: string): Taken | undefined {
  const segments = parsePath(path) ?? [];
  for (let length = segments.length; length > 0; length--) {
    const at = segments.slice(0, length);
    if (valueAt(root, at) === undefined) continue;
    const stand = narrowest(at);
    if (stand !== undefined && replace(root, at, stand))
      return { path: formatPath(at), what: `became ${JSON.stringify(stand)}, the narrowest there is` };
    if (remove(root, at)) return { path: formatPath(at), what: 'not taken over' };
  }
  return undefined;
}

const TIGHTENED = new Set([
  'CONFIG_UNSUPPORTED_VALUE',
  'CONFIG_GRANT_REQUIRED',
  'CONFIG_SENDER_INVALID',
  'CONFIG_BAD_VALUE',
  'CONFIG_OUT_OF_RANGE',
]);

function changeOf({ code, message, fix, path }: ConfigIssue, { path: at, what }: Taken): Change {
  const isDenial = /\.deny\[\d+\]$/.test(path);
  const kind = isDenial
    ? 'yours'
    : TIGHTENED.has(code)
      ? 'tightened'
      : code === 'CONFIG_KEY_IGNORED'
        ? 'unused'
        : 'left-out';
  const advice = fix
    .replace(/^Remove it(?:: |, and | and )/, '')
    .replace(/^(?:Remove it|Use one of the (?:possible values|values that are named))\.?$/, '');
  const advised = code === 'CONFIG_KEY_IGNORED' || code === 'CONFIG_UNSUPPORTED_KEY';
  const why = advised && advice !== '' ? advice : [message, advice].filter((text) => text !== '').join('. ');
  return { path: at, kind, what, why: `${why} (${code})` };
}

async function issuesOf(draft: Draft, { paths, env, now }: MigrateOptions) {
  const text = `${JSON.stringify(draft, null, 2)}\n`;
  try {
    const { effective } = await loadConfig({
      paths,
      env,
      now,
      files: overlayFiles(nodeFiles, new Map([[paths.config, text]])),
    });
    return { errors: [], warnings: effective.warnings };
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError) || thrown.code !== 'CONFIG_INVALID') throw thrown;
    return { errors: (thrown.details['issues'] ?? []) as readonly ConfigIssue[], warnings: [] };
  }
}

/** Later elements of a list first: what is taken out moves those behind it. */
function lastFirst(a: ConfigIssue, b: ConfigIssue): number {
  return a.path === b.path ? 0 : a.path.localeCompare(b.path, 'en', { numeric: true }) < 0 ? 1 : -1;
}

async function untilItLoads(draft: Draft, options: MigrateOptions, note: (change: Change) => void) {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { errors, warnings } = await issuesOf(draft, options);
    const ignored = warnings.filter(({ code }) => code === 'CONFIG_KEY_IGNORED');
    const wrong = errors.length > 0 ? errors : ignored;
    if (wrong.length === 0) return warnings;
    let progress = false;
    const seen = new Set<string>();
    for (const issue of [...wrong].sort(lastFirst)) {
      if (issue.path === '' || issue.file?.endsWith('.yaml') === true) continue;
      // Two issues of one value are one: taking it out a second time would take its owner.
      if ([...seen].some((path) => issue.path.startsWith(path))) continue;
      seen.add(issue.path);
      const taken = takeOut(draft, issue.path);
      if (taken === undefined) continue;
      progress = true;
      note(changeOf(issue, taken));
    }
    if (!progress) {
      if (errors.length === 0) return warnings;
      throw CONFIG_CODES.error('CONFIG_MIGRATION_IMPOSSIBLE', undefined, { details: { issues: errors } });
    }
  }
  throw CONFIG_CODES.error('CONFIG_MIGRATION_IMPOSSIBLE');
}

function restOf(home: OpenClawHome): Migration['rest'] {
  const holds = (what: string) => home.files.some((file) => file.holds === what);
  const rows: { path: string; why: string }[] = [];
  if (home.envNames.length > 0)
    rows.push({
      path: '.env',
      why: `export ${home.envNames.join(', ')} where Gatehouse starts; the launcher hands them to egress alone`,
    });
  if (holds('profiles'))
    rows.push({
      path: 'agents/*/agent',
      why: 'keys and OAuth tokens of providers are not copied: put an API key into the environment of egress',
    });
  if (holds('credentials'))
    rows.push({
      path: 'credentials',
      why: 'paired senders pair again, or list their stable ids in allowFrom',
    });
  if (holds('approvals'))
    rows.push({
      path: 'exec-approvals.json',
      why: 'standing approvals are not copied: playbooks name commands, and new approvals end by themselves',
    });
  if (holds('sessions')) rows.push({ path: 'agents/*/sessions', why: 'conversations stay with OpenClaw' });
  if (home.extensions.length > 0)
    rows.push({
      path: 'extensions',
      why: 'plugins run inside OpenClaw; here third-party code never runs in the gateway',
    });
  return rows;
}

/**
 * A Gatehouse configuration out of an OpenClaw home: what is safe is kept, what is not is narrowed or left out, and
 * every difference is explained. The result is loaded before it is returned. Nothing is written anywhere.
 *
 * @throws CONFIG_MIGRATION_IMPOSSIBLE, CONFIG_INVALID when OpenClaw's own file cannot be read
 */
export async function migrateOpenClaw(home: OpenClawHome, options: MigrateOptions): Promise<Migration> {
  if (home.issues.length > 0)
    throw CONFIG_CODES.error('CONFIG_INVALID', `${home.configPath} cannot be read whole`, {
      details: { issues: home.issues },
    });
  const draft = structuredClone(home.raw) as Draft;
  const changes: Change[] = [];
  const note = (change: Change) => void changes.push(change);
  const secrets = [...moveSecrets(draft, note), ...nameProviders(draft, note)];
  narrowListening(draft, note);
  closeChannels(draft, note);
  separateWorkspaces(draft, note);
  const warnings = await untilItLoads(draft, options, note);
  const header =
    '// Made by `gatehouse migrate openclaw`. What was left out or narrowed, and why, is in its report.\n';
  const used = secrets.filter(({ path }) => valueAt(draft, parsePath(path) ?? []) !== undefined);
  return {
    text: `${header}${JSON.stringify(draft, null, 2)}\n`,
    changes,
    secrets: used,
    rest: restOf(home),
    warnings,
  };
}
