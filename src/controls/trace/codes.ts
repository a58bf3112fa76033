import { defineCodes } from '../../kernel/index.ts';

const INVESTIGATE =
  'Stop Gatehouse, keep ledger.db and its anchor file for inspection, and compare them with a backup.';

/** Why the ledger refused, and what verification found. */
export const LEDGER_CODES = defineCodes({
  LEDGER_WRITE_FAILED: {
    summary: 'the record could not be written, so the action was not started',
    fix: 'Check free space and permissions of the state directory, then try again.',
    status: 503,
  },
  LEDGER_QUEUE_FULL: {
    summary: 'too many records wait to be written, so the action was not started',
    fix: 'Slow down; if it stays, check the speed of the disk under the state directory.',
    status: 503,
  },
  LEDGER_CLOSED: {
    summary: 'the ledger is closed because the process is stopping',
    fix: 'Try again after the restart.',
    status: 503,
  },
  LEDGER_WRITER_BUSY: {
    summary: 'another process already writes to the ledger under this name',
    fix: 'Stop the other Gatehouse of this home, or wait until it has stopped.',
    status: 503,
  },
  LEDGER_WRITER_INVALID: {
    summary: "a ledger writer's name is 1 to 32 lower-case letters, digits and hyphens",
    fix: 'Report it: this is a defect of Gatehouse.',
    status: 500,
  },
  LEDGER_NEWER: {
    summary: 'the ledger was written by a newer version of Gatehouse',
    fix: 'Start the version that wrote it; the ledger is never converted backwards.',
    status: 503,
  },
  LEDGER_DAMAGED: {
    summary: 'the end of the ledger is not what this process last wrote, so nothing is added to it',
    fix: 'Run `gatehouse ledger verify`, keep ledger.db and its anchor file, move them aside, then start.',
    status: 503,
  },
  LEDGER_CHECKPOINT_FAILED: {
    summary: 'the ledger could not be signed now; records go on and signing is tried again',
    fix: 'Check that the egress process runs: it holds the signing key.',
    status: 503,
  },
  LEDGER_ANCHOR_FAILED: {
    summary: 'checkpoints could not be kept in one of the places outside',
    fix: 'Check that the storage is mounted and writable, or that the other instance runs and takes the token.',
    status: 503,
  },
  LEDGER_ANCHOR_INVALID: {
    summary: 'this is not a checkpoint of a ledger',
    fix: 'Only `gatehouse ledger anchor` of another install calls this; compare the versions of both.',
    status: 400,
  },
  LEDGER_ANCHOR_CONFLICT: {
    summary: 'another checkpoint is kept under this number already: somebody shows two histories',
    fix: 'Run `gatehouse ledger verify` on the install that sent it, and keep both ledgers for inspection.',
    status: 409,
  },
  LEDGER_EDITED: { summary: 'a record is not what was written', fix: INVESTIGATE, status: 500 },
  LEDGER_MISSING: { summary: 'a record is gone', fix: INVESTIGATE, status: 500 },
  LEDGER_REORDERED: { summary: 'a record is not in its place', fix: INVESTIGATE, status: 500 },
  LEDGER_TRUNCATED: { summary: 'records at the end are cut off', fix: INVESTIGATE, status: 500 },
  LEDGER_SIGNATURE_BAD: {
    summary: 'the signature of a checkpoint does not hold',
    fix: INVESTIGATE,
    status: 500,
  },
  LEDGER_UNREADABLE: { summary: 'a part of the ledger cannot be read', fix: INVESTIGATE, status: 500 },
});
