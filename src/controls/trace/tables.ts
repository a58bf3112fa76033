import type { DatabaseSync } from 'node:sqlite';
import { LEDGER_CODES } from './codes.ts';
import { EVENT_COLUMNS } from './record.ts';

/** Raised with every change of the tables; a ledger of a higher version is refused. */
const TABLES_VERSION = 2;

/** Columns that queries filter by. Most records lack most of them, so the indexes leave those records out. */
const INDEXED = ['code', 'trace', 'principal', 'session', 'run'] as const;

const FIRST_TABLES: readonly string[] = [
  `CREATE TABLE records (
  id INTEGER PRIMARY KEY,
  writer TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  prev TEXT NOT NULL,
  ${EVENT_COLUMNS.map((column) => `${column} TEXT`).join(',\n  ')},
  hash TEXT NOT NULL
) STRICT`,
  'CREATE UNIQUE INDEX records_place ON records (writer, seq)',
  'CREATE INDEX records_at ON records (at)',
  'CREATE INDEX records_type ON records (type)',
  ...INDEXED.map(
    (column) => `CREATE INDEX records_${column} ON records (${column}) WHERE ${column} IS NOT NULL`,
  ),
  `CREATE TABLE heads (
  writer TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT`,
  `CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY,
  payload TEXT NOT NULL,
  hash TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT`,
];

/** Text that data of a record has when it names the address of a client; only such records are in that index. */
export const HAS_ADDRESS = `instr(data, '"address":"') > 0 AND json_valid(data)`;
export const ADDRESS = `(data ->> '$.address')`;

/** What version 2 added: more to search by, and what retention took out (T5). */
const SECOND_TABLES: readonly string[] = [
  'CREATE INDEX records_agent ON records (agent) WHERE agent IS NOT NULL',
  `CREATE INDEX records_address ON records (${ADDRESS}) WHERE ${HAS_ADDRESS}`,
  `CREATE TABLE retirements (
  id INTEGER PRIMARY KEY,
  payload TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT`,
];

/** The steps from one version to the next; a ledger of an earlier version is whole with the first of them only. */
const STEPS: readonly (readonly string[])[] = [FIRST_TABLES, SECOND_TABLES];

/**
 * Make the tables when the file is new. Throws LEDGER_NEWER for a ledger of a later version. The ledger keeps
 * to plain SQL, so that a process that needs nothing else does not load a query builder.
 */
export function prepareTables(raw: DatabaseSync): void {
  // An action may start when its record is on disk; anything less than FULL would let a power cut undo that.
  raw.exec('PRAGMA synchronous = FULL');
  // Copies that pages leave behind when they are split would outlive what retention takes out (T5).
  raw.exec('PRAGMA secure_delete = ON');
  if (tablesVersion(raw) === TABLES_VERSION) return;
  raw.exec('BEGIN IMMEDIATE');
  try {
    refuseNewerTables(raw);
    for (const step of STEPS.slice(tablesVersion(raw))) raw.exec(step.join(';\n'));
    raw.exec(`PRAGMA user_version = ${TABLES_VERSION}`);
    raw.exec('COMMIT');
  } catch (thrown) {
    if (raw.isTransaction) raw.exec('ROLLBACK');
    throw thrown;
  }
}

/**
 * Whether tables and indexes are word for word those that Gatehouse makes. A view, a trigger or another
 * definition in their place could show readers something else than what is stored and hashed.
 */
export function tablesAreGenuine(raw: DatabaseSync): boolean {
  const found = raw
    .prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY sql")
    .all()
    .map((row) => row.sql);
  const expected = STEPS.slice(0, tablesVersion(raw)).flat();
  return JSON.stringify(found) === JSON.stringify(expected.sort());
}

/** Throws LEDGER_NEWER when a later version made the tables: what they mean is not known here. */
export function refuseNewerTables(raw: DatabaseSync): void {
  if (tablesVersion(raw) > TABLES_VERSION) throw LEDGER_CODES.error('LEDGER_NEWER');
}

/** Whether this ledger has what version 2 added. */
export function hasRetirements(raw: DatabaseSync): boolean {
  return tablesVersion(raw) >= 2;
}

function tablesVersion(raw: DatabaseSync): number {
  return Number(raw.prepare('PRAGMA user_version').get()?.user_version);
}
