import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { SessionStoreOptions } from '../sessions/open.ts';
import { readTaint } from '../sessions/rows.ts';
import type { SessionTables } from '../sessions/tables.ts';
import { changedSince, fingerprintOf } from './changed.ts';
import type { TaintEvent, TaintedFile, Writer } from './files.ts';
import type { ProvenanceTables } from './tables.ts';

/** Bytes of the largest file that is also known by its content. */
const MAX_DIGESTED = 1024 * 1024;
/** Files of one recording that are also known by their content. */
const MAX_DIGESTS = 256;
/** No link at the end, and no wait on a pipe that was put in the file's place. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Rows of one answer. */
const MAX_ROWS = 2_000;

type FileRow = Selectable<ProvenanceTables['taint_files']>;

/** Where files and labels came from, beyond one session (X9, attack 86). */
export interface Provenance {
  /** Say that a run starts to write, so that a crash before its end does not lose what it wrote. */
  begin(call: string, folders: readonly string[], writer: Writer): Promise<void>;
  /** The run has ended: remember what it changed as written with these labels, or nothing without any. */
  end(call: string, writer: Writer): Promise<void>;
  /** Runs that had begun when the process before this one died. Called once at the start. */
  repair(): Promise<void>;
  recordFiles(paths: readonly string[], writer: Writer): Promise<void>;
  /** Labelled files among these host paths and below those of them that are directories, as they are now. */
  among(paths: readonly string[]): Promise<readonly TaintedFile[]>;
  events(session: string): Promise<readonly TaintEvent[]>;
  filesOf(session: string): Promise<readonly TaintedFile[]>;
  forgetFilesOf(session: string): Promise<number>;
}

type Db = Kysely<SessionTables>;

export function createProvenanceService({ db, clock, untouched }: SessionStoreOptions): Provenance {
  const tables: Db = db;
  return {
    async begin(call, folders, writer) {
      const { labels, source, session, run } = writer;
      const row = {
        call,
        folders: JSON.stringify(folders),
        since: clock.now(),
        labels: JSON.stringify(labels),
      };
      await tables
        .replaceInto('taint_runs')
        .values({ ...row, source, session_id: session, run })
        .execute();
    },
    async end(call, writer) {
      const row = await tables
        .selectFrom('taint_runs')
        .selectAll()
        .where('call', '=', call)
        .executeTakeFirst();
      if (row === undefined) return;
      if (writer.labels.length > 0) await recordChanges(tables, row, writer, clock.now(), untouched);
      await tables.deleteFrom('taint_runs').where('call', '=', call).execute();
    },
    async repair() {
      for (const row of await tables.selectFrom('taint_runs').selectAll().execute()) {
        const labels = readTaint(row.labels);
        const writer = { labels, source: row.source, session: row.session_id, run: row.run };
        if (labels.length > 0) await recordChanges(tables, row, writer, clock.now());
        await tables.deleteFrom('taint_runs').where('call', '=', row.call).execute();
      }
    },
    async recordFiles(paths, writer) {
      const found = await Promise.all(
        paths.map(async (path) => {
          const stat = await lstat(path, { bigint: true }).catch(() => undefined);
          if (stat === undefined || stat.isDirectory()) return [];
          const digest = await digestOf(path, stat.size);
          return [
            {
              path,
              kind: 'file' as const,
              fingerprint: fingerprintOf(stat),
              digest,
              size: Number(stat.size),
            },
          ];
        }),
      );
      await insert(tables, found.flat(), writer, clock.now());
    },
    async among(paths) {
      const found = new Map<string, FileRow>();
      for (const path of new Set(paths)) {
        for (const row of await rowsAt(tables, path)) found.set(row.path, row);
      }
      const now = await Promise.all([...found.values()].map((row) => stillThere(tables, row)));
      return now.flat().map(toFile);
    },
    async events(session) {
      const rows = await tables
        .selectFrom('taint_events')
        .selectAll()
        .where('session_id', '=', session)
        .orderBy('at')
        .limit(MAX_ROWS)
        .execute();
      return rows.map((row) => ({
        label: row.label === 'private' ? 'private' : 'untrusted',
        source: row.source,
        at: row.at,
        run: row.run,
        clearedAt: row.cleared_at,
        clearedBy: row.cleared_by,
        clearedReason: row.cleared_reason,
      }));
    },
    async filesOf(session) {
      const rows = await tables
        .selectFrom('taint_files')
        .selectAll()
        .where('session_id', '=', session)
        .orderBy('path')
        .limit(MAX_ROWS)
        .execute();
      return rows.map(toFile);
    },
    async forgetFilesOf(session) {
      const gone = await tables
        .deleteFrom('taint_files')
        .where('session_id', '=', session)
        .executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}

async function recordChanges(
  db: Db,
  started: { readonly folders: string; readonly since: number },
  writer: Writer,
  now: number,
  untouched: SessionStoreOptions['untouched'] = () => false,
): Promise<void> {
  for (const folder of JSON.parse(started.folders) as readonly string[]) {
    const trees = await treesBelow(db, folder);
    if (trees.has(folder)) continue;
    const changed = await changedSince(folder, started.since, trees);
    const written = changed.files.filter(({ path, stat }) => !untouched(path, stat));
    const files = written.map(async ({ path, stat }, index) => ({
      path,
      kind: 'file' as const,
      fingerprint: fingerprintOf(stat),
      digest: index < MAX_DIGESTS && stat.isFile() ? await digestOf(path, stat.size) : '',
      size: Number(stat.size),
    }));
    const whole = changed.trees.map((path) => ({
      path,
      kind: 'tree' as const,
      fingerprint: '',
      digest: '',
      size: 0,
    }));
    await insert(db, [...(await Promise.all(files)), ...whole], writer, now);
  }
}

function toFile(row: FileRow): TaintedFile {
  return {
    path: row.path,
    labels: readTaint(row.labels),
    source: row.source,
    session: row.session_id,
    at: row.at,
  };
}

/** SHA-256 of a small file; empty when it is large, or changed or went while it was read. */
async function digestOf(path: string, size: bigint): Promise<string> {
  if (size > BigInt(MAX_DIGESTED)) return '';
  const bytes = await readFile(path, { flag: FLAGS }).catch(() => undefined);
  if (bytes === undefined) return '';
  const digest = hash('sha256', bytes);
  // It may hold credentials, and this process keeps none (K2): not even in memory that is free again.
  bytes.fill(0);
  return digest;
}

async function treesBelow(db: Db, folder: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('taint_files')
    .select('path')
    .where('kind', '=', 'tree')
    .where(within(folder))
    .execute();
  return new Set(rows.map(({ path }) => path));
}

async function insert(
  db: Db,
  files: readonly Pick<FileRow, 'path' | 'kind' | 'fingerprint' | 'digest' | 'size'>[],
  { labels, source, session, run }: Writer,
  at: number,
): Promise<void> {
  const rows = files.map((file) => ({
    ...file,
    labels: JSON.stringify(labels),
    source,
    session_id: session,
    run,
    at,
  }));
  for (let from = 0; from < rows.length; from += 500) {
    await db
      .replaceInto('taint_files')
      .values(rows.slice(from, from + 500))
      .execute();
  }
}

/** The path itself and every path below it: `/` and the character after it in ASCII bound those. */
function within(path: string) {
  return sql<boolean>`(path = ${path} OR (path > ${`${path}/`} AND path < ${`${path}0`}))`;
}

function ancestors(path: string): readonly string[] {
  const found: string[] = [];
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) found.push(at);
  return found;
}

async function rowsAt(db: Db, path: string): Promise<readonly FileRow[]> {
  const rows = db.selectFrom('taint_files').selectAll();
  const here = await rows.where(within(path)).limit(MAX_ROWS).execute();
  const above = ancestors(path);
  if (above.length === 0) return here;
  const around = await rows.where('kind', '=', 'tree').where('path', 'in', above).execute();
  return [...here, ...around];
}

/** Nothing when the file is gone, or was replaced by somebody who carried no label. */
async function stillThere(db: Db, row: FileRow): Promise<readonly FileRow[]> {
  const stat = await lstat(row.path, { bigint: true }).catch(() => undefined);
  if (stat !== undefined && row.kind === 'tree') return [row];
  if (stat !== undefined && fingerprintOf(stat) === row.fingerprint) return [row];
  const same = stat?.isFile() === true && row.digest !== '' && Number(stat.size) === row.size;
  if (same && (await digestOf(row.path, stat.size)) === row.digest) return [row];
  await db.deleteFrom('taint_files').where('path', '=', row.path).where('at', '=', row.at).execute();
  return [];
}
