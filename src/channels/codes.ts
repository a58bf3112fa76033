import { defineCodes } from '../kernel/index.ts';

export const CHANNEL_CODES = defineCodes({
  CHANNEL_UNAUTHORIZED: {
    summary: 'the platform does not accept the credential of this account',
    fix: 'Check the secret reference of the account (for Telegram the bot token) and run `gatehouse config reload`.',
    status: 502,
  },
  CHANNEL_CONFLICT: {
    summary: 'somebody else receives the messages of this account',
    fix: 'Stop the other program that uses the same bot, or remove its webhook.',
    status: 502,
  },
  CHANNEL_UNREACHABLE: {
    summary: 'the platform cannot be reached',
    fix: 'Look at the egress entries of `gatehouse ledger tail`; it is tried again by itself.',
    status: 502,
  },
  CHANNEL_MESSAGE_MALFORMED: {
    summary: 'the platform delivered something that is no message',
    fix: 'Nothing to do; it was not processed. If it goes on, compare the platform with the adapter.',
    status: 400,
  },
  CHANNEL_MESSAGE_TOO_LARGE: {
    summary: 'the delivery is larger than a message may be',
    fix: 'Send less than 256 KiB.',
    status: 413,
  },
  CHANNEL_SIGNATURE_INVALID: {
    summary: 'the delivery is not signed with the secret of this source',
    fix: 'Sign id.timestamp.body as the Standard Webhooks specification says, with the secret of the source.',
    status: 401,
  },
  CHANNEL_TIMESTAMP_INVALID: {
    summary: 'the delivery is too old or from the future',
    fix: 'Sign at the time of sending and set the clock of the sender; five minutes of difference are tolerated.',
    status: 401,
  },
  CHANNEL_APPROVAL_NOT_DIRECT: {
    summary: 'approvals are answered in a direct message only',
    fix: 'Write to the bot directly; in a group everybody reads along.',
    status: 403,
  },
  CHANNEL_APPROVER_UNKNOWN: {
    summary: 'this sender stands for nobody who may answer approvals',
    fix: 'An administrator runs `gatehouse principal bind NAME --chat CHANNEL/ID` for a principal with operator.approvals.',
    status: 403,
  },
  CHANNEL_APPROVAL_UNCLEAR: {
    summary: 'this is not an answer to an approval',
    fix: 'Write /approve CODE, /approve CODE session, /approve CODE 30m, /deny CODE, or /approvals for what waits.',
    status: 400,
  },
  CHANNEL_CODE_UNKNOWN: {
    summary: 'no question with this code was asked here',
    fix: 'Write /approvals to be asked again; guessing ends every code of this chat.',
    status: 403,
  },
  CHANNEL_CODE_USED: {
    summary: 'this code was used, or its question has ended',
    fix: 'Write /approvals for what still waits.',
    status: 409,
  },
  CHANNEL_CODE_EXPIRED: {
    summary: 'the question of this code is past its time',
    fix: 'Nothing was allowed; write /approvals for what still waits.',
    status: 410,
  },
  CHANNEL_CODE_NOT_SHOWN: {
    summary: 'not every part of this question is known to have arrived here',
    fix: 'Write /approvals to be asked again in full, or use `gatehouse approvals show`.',
    status: 409,
  },
  CHANNEL_SEND_REFUSED: {
    summary: 'the platform refused the message',
    fix: 'See the reason beside it; the person may have blocked the bot.',
    status: 502,
  },
});
