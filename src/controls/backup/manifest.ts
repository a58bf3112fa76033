import { Type } from 'typebox';
import { Check } from 'typebox/value';
import { BACKUP_CODES } from './codes.ts';

/** DSSE payload type of what a backup says of itself. */
export const BACKUP_TYPE = 'application/vnd.gatehouse.backup.v1+json';
const FORMAT = 1;
/** Name of the signed list; it is the first entry. */
export const MANIFEST_NAME = 'manifest.json';

/** Everything that a backup may hold. Private keys, workspaces, logs and sockets are not in it. */
const ALLOWED: readonly RegExp[] = [
  /^gatehouse\.json$/,
  /^playbooks\/[a-z0-9][a-z0-9_-]{0,63}\.yaml$/,
  /^policy\/egress\.yaml$/,
  /^state\/(state\.db|ledger\.db|ledger\.anchor|honeytokens\.json|sandbox-images\.json)$/,
  /^keys\/ledger\.pub$/,
  /^keys\/retired\/[0-9a-f]{16}\.pub$/,
];

const Text = Type.String({ maxLength: 500 });
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Whole = Type.Integer({ minimum: 0 });
const strict = { additionalProperties: false };

const ManifestSchema = Type.Object(
  {
    format: Whole,
    id: Type.String({ pattern: '^[0-9TZ]{16}-[0-9a-f]{6}$' }),
    at: Whole,
    versions: Type.Object({ gatehouse: Text, node: Text, sqlite: Text }, strict),
    /** SHA-256 over the digests of the program's files. */
    program: Text,
    configuration: Type.Object({ hash: Text, snapshot: Whole }, strict),
    ledger: Type.Object(
      {
        records: Whole,
        checkpoints: Whole,
        unsigned: Whole,
        heads: Type.Array(Type.Object({ writer: Text, seq: Whole, hash: Text }, strict), { maxItems: 100 }),
      },
      strict,
    ),
    files: Type.Array(Type.Object({ path: Text, size: Whole, sha256: Digest }, strict), { maxItems: 2_000 }),
  },
  strict,
);

export interface BackupFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

export interface LedgerHead {
  readonly writer: string;
  readonly seq: number;
  readonly hash: string;
}

export interface LedgerExtent {
  readonly records: number;
  readonly checkpoints: number;
  /** Records after the last signed checkpoint. */
  readonly unsigned: number;
  readonly heads: readonly LedgerHead[];
}

/** What a backup says of itself, under the signature of the install that made it. */
export interface BackupManifest {
  readonly format: number;
  readonly id: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly versions: { readonly gatehouse: string; readonly node: string; readonly sqlite: string };
  readonly program: string;
  readonly configuration: { readonly hash: string; readonly snapshot: number };
  readonly ledger: LedgerExtent;
  readonly files: readonly BackupFile[];
}

export function manifestOf(facts: Omit<BackupManifest, 'format'>): BackupManifest {
  return { format: FORMAT, ...facts };
}

/** Whether a backup may hold a file of this name. */
export function isBackupPath(path: string): boolean {
  return ALLOWED.some((pattern) => pattern.test(path));
}

/**
 * A signed document as a manifest. The signature says who wrote it, not that it is harmless: names are compared with
 * what a backup may hold, so that nothing is ever written outside of its folder.
 *
 * @throws BACKUP_NEWER, BACKUP_CONTENT_INVALID
 */
export function parseManifest(document: unknown): BackupManifest {
  const { format } = (document ?? {}) as { readonly format?: unknown };
  if (typeof format === 'number' && format > FORMAT) throw BACKUP_CODES.error('BACKUP_NEWER');
  if (!Check(ManifestSchema, document)) throw BACKUP_CODES.error('BACKUP_CONTENT_INVALID');
  const names = document.files.map(({ path }) => path);
  const wrong = names.find((path) => !isBackupPath(path));
  if (wrong !== undefined || new Set(names).size !== names.length)
    throw BACKUP_CODES.error(
      'BACKUP_CONTENT_INVALID',
      'its list names a file that no backup holds, or one twice',
    );
  return document;
}
