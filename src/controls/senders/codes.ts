import { defineCodes } from '../../kernel/index.ts';

export const SENDERS_CODES = defineCodes({
  SENDERS_ID_INVALID: {
    summary: 'this is not a stable id of the platform',
    fix: 'Use the number or id that the platform gives the account; names can be changed and never authorise.',
    status: 400,
  },
  SENDERS_PAIRING_UNKNOWN: {
    summary: 'no pairing with this code waits; it was answered, or its hour is over',
    fix: 'Look at `gatehouse pairing list`; let the person write again for a new code.',
    status: 404,
  },
  SENDERS_BLOCKED: {
    summary: 'this sender is blocked, so no pairing lets it in',
    fix: 'Run `gatehouse senders allow` for it first if the block was a mistake.',
    status: 409,
  },
  SENDERS_NOT_RECORDED: {
    summary: 'the ledger took no record, so nobody is let in',
    fix: 'Free disk space for state/ and look at `gatehouse ledger verify`.',
    status: 503,
  },
  SENDERS_CHANNEL_UNKNOWN: {
    summary: 'there is no such channel',
    fix: 'Use one of the channels that are named under `channels` in the configuration.',
    status: 400,
  },
});

/** Why a message went no further although no rule refused it. Answers, not failures. */
export const ADMISSION_CODES = {
  notMentioned: 'SENDERS_NOT_MENTIONED',
  pairingPending: 'SENDERS_PAIRING_PENDING',
  pairingFull: 'SENDERS_PAIRING_FULL',
  pairingDenied: 'SENDERS_PAIRING_DENIED',
} as const;
