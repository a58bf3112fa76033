import { defineCodes } from '../../../kernel/index.ts';

/** Why a record has not reached a destination yet. None of it loses a record: all of them are in the ledger. */
export const EXPORT_CODES = defineCodes({
  EXPORT_CONNECTION_LOST: {
    summary: 'the collector cannot be reached, or the connection broke',
    fix: 'Check that the collector runs and that its certificate is trusted; delivery goes on by itself from where it stopped.',
    status: 503,
  },
  EXPORT_ANSWER: {
    summary: 'the collector answered with an error',
    fix: 'Look at the log of the collector; delivery goes on by itself when it answers again.',
    status: 502,
  },
  EXPORT_UNAUTHORIZED: {
    summary: 'the collector refuses the credential',
    fix: 'Renew the token that trace.export names, then: gatehouse config reload.',
    status: 502,
  },
  EXPORT_RECORD_REFUSED: {
    summary: 'the collector refuses this one record whatever is tried, so it was passed over',
    fix: 'Look at it with `gatehouse ledger show`, and ask whoever runs the collector why it was refused.',
    status: 502,
  },
  EXPORT_FILE_FAILED: {
    summary: 'the file of a destination could not be written',
    fix: 'Check free space, and that the folder belongs to the account of Gatehouse and the file is no link.',
    status: 503,
  },
  EXPORT_CURSOR_LOST: {
    summary: 'what was delivered last is not in the ledger any more as it was delivered',
    fix: 'Run `gatehouse ledger verify`; delivery went back to the last place that fits, so some events arrive twice.',
    status: 409,
  },
  EXPORT_LAGGING: {
    summary: 'records wait for a destination longer than its limit',
    fix: 'Look at `gatehouse ledger export status`; nothing is lost meanwhile.',
    status: 503,
  },
});
