import { defineCodes } from '../../../kernel/index.ts';

/** Why a baseline or an attestation was refused, and what a comparison found. */
export const EVIDENCE_CODES = defineCodes({
  DRIFT_NO_BASELINE: {
    summary: 'there is no baseline to compare with',
    fix: 'Look at `gatehouse doctor` first, then: gatehouse drift baseline --ticket T --reason "reviewed".',
    status: 404,
  },
  DRIFT_BASELINE_INVALID: {
    summary: 'the baseline does not carry the signature of this install, so nothing is compared with it',
    fix: 'Find out who wrote to state/state.db, review the install, and make a new baseline.',
    status: 409,
  },
  DRIFT_FOUND: {
    summary: 'the install is not what its baseline says',
    fix: 'Look at `gatehouse drift check`, undo what was not meant, or make a new baseline.',
    status: 409,
  },
  LEDGER_EVIDENCE_INVALID: {
    summary: 'this is neither a ledger nor evidence that `gatehouse ledger export` wrote',
    fix: 'Give ledger.db, or the file that `gatehouse ledger export --out` wrote, as it was written.',
    status: 400,
  },
  ATTEST_FILE_INVALID: {
    summary: 'this is not an attestation of Gatehouse',
    fix: 'Give the JSON file that `gatehouse attest --format json` wrote, as it was written.',
    status: 400,
  },
  ATTEST_KEY_UNKNOWN: {
    summary: 'the attestation is signed with another key than the one you trust',
    fix: 'Ask the owner of the install for keys/ledger.pub over another way, and compare its id.',
    status: 409,
  },
  ATTEST_SIGNATURE_BAD: {
    summary: 'the signature does not hold: the attestation was changed after it was signed',
    fix: 'Do not rely on it; ask for a new one.',
    status: 409,
  },
});
