import { defineCodes } from '../../kernel/index.ts';

export const GRANT_CODES = defineCodes({
  GRANT_KIND_REFUSED: {
    summary: 'this kind of action is never granted by a command',
    fix: 'Change the playbook or the configuration instead; `gatehouse grant add --help` lists the kinds.',
    status: 400,
  },
  GRANT_TOO_WIDE: {
    summary: 'a grant names exactly what it opens',
    fix: 'Write one exact value per attribute, without `*`.',
    status: 400,
  },
  GRANT_VALUE_INVALID: {
    summary: 'a value of the grant cannot be understood',
    fix: 'Correct the value that is named.',
    status: 400,
  },
  GRANT_TOO_LONG: {
    summary: 'the grant would last longer than grantPolicy allows',
    fix: 'Ask for a shorter time, or put a lasting need into the playbook.',
    status: 400,
  },
  GRANT_NOT_PERMITTED: {
    summary: 'grantPolicy of this install does not allow such a grant',
    fix: 'See grantPolicy in the configuration: kinds, hosts, enabled.',
    status: 403,
  },
  GRANT_SAME_PERSON: {
    summary: 'whoever asked for a grant cannot approve it',
    fix: 'Let another administrator run `gatehouse grant approve ID`.',
    status: 403,
  },
  GRANT_UNKNOWN: {
    summary: 'there is no such grant that waits or is in force',
    fix: '`gatehouse grant list` shows the grants; those of the configuration are changed there.',
    status: 404,
  },
  GRANT_LIMIT: {
    summary: 'as many grants as there may be at once are in force or wait',
    fix: 'Revoke those that nobody needs: `gatehouse grant list`, `gatehouse grant revoke ID`.',
    status: 409,
  },
  GRANT_NOT_RECORDED: {
    summary: 'the ledger took no record, so nothing was granted',
    fix: 'Free disk space for state/ and look at `gatehouse ledger verify`.',
    status: 503,
  },
  GRANT_ENDED: {
    summary: 'a grant has ended; what it opened is closed',
    fix: 'Nothing to do; ask again with a new ticket if it is still needed.',
    status: 200,
  },
  GRANT_BREAKGLASS: {
    summary: 'somebody opened something in an emergency',
    fix: 'Find out who and why (`gatehouse grant show ID`), end it early with `gatehouse grant revoke ID`, and write down what was done.',
    status: 200,
  },
  GRANT_ASKED: {
    summary: 'an agent asks for a destination that no rule names',
    fix: '`gatehouse approvals list` shows what waits; `gatehouse approvals approve ID` opens it for an hour, `gatehouse approvals deny ID` says no.',
    status: 200,
  },
  GRANT_USED_OFTEN: {
    summary: 'a grant is used unusually often',
    fix: 'Look at `gatehouse egress log` and `gatehouse ledger tail`; revoke the grant if nobody can explain it.',
    status: 200,
  },
  GRANT_NOT_HONOURED: {
    summary: 'a stored grant does not hold up, so it opens nothing',
    fix: 'Find out who wrote it: it was not made by `gatehouse grant`, or grantPolicy has changed since. Revoke it.',
    status: 403,
  },
});
