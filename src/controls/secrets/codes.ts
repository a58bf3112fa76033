import { defineCodes } from '../../kernel/index.ts';

export const SECRETS_CODES = defineCodes({
  SECRETS_UNRESOLVED: {
    summary: 'a secret reference cannot be resolved, so egress does not start',
    fix: 'Set the variable, create the file or repair the command that the reference names, then start again.',
    status: 503,
  },
  SECRETS_FILE_PERMISSIONS: {
    summary: 'a secret file can be read by other accounts',
    fix: 'Make it yours alone: chmod 600 the file and check its owner.',
    status: 503,
  },
  SECRETS_VALUE_INVALID: {
    summary: 'a secret has a value that no header can carry',
    fix: 'Use one line of printable ASCII without leading or trailing spaces, at most 8192 characters.',
    status: 503,
  },
  SECRET_WRONG_HOST: {
    summary: 'the secret is bound to another host than the request goes to',
    fix: 'Send the request to the host that the secret belongs to, or configure a secret for this host.',
    status: 403,
  },
  SECRET_WRONG_PLACE: {
    summary: 'the placeholder of a secret stands where the secret is not bound to',
    fix: 'Send it once, in the header or parameter that `gatehouse secrets list` names, and nowhere else.',
    status: 403,
  },
  SECRET_UNKNOWN: {
    summary: 'the placeholder names no secret',
    fix: 'Write {{secret:NAME}} with the name of a configured reference.',
    status: 403,
  },
});
