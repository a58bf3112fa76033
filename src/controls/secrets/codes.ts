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
  HONEYTOKEN_USED: {
    summary: 'a planted credential turned up where nobody has business with it',
    fix: 'Find out who read the file that it was planted in: stop the session or block the address, and plant a new one.',
    status: 403,
  },
  HONEYTOKEN_UNKNOWN: {
    summary: 'no planted credential has this id',
    fix: 'Look at `gatehouse honeytoken list`.',
    status: 404,
  },
  HONEYTOKEN_PATH: {
    summary: 'a credential cannot be planted there',
    fix: 'Name a place inside the workspace, without links on the way.',
    status: 400,
  },
  HONEYTOKEN_EXISTS: {
    summary: 'a file is there already, and it is left alone',
    fix: 'Choose another place with --path.',
    status: 409,
  },
  HONEYTOKEN_LIMIT: {
    summary: 'as many credentials are planted as can be',
    fix: 'Take some away (`gatehouse honeytoken remove ID`).',
    status: 409,
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
  SECRET_NOT_BOUND: {
    summary: 'a credential of the workspace is bound to no host that this request may carry it to',
    fix: 'Bind it: `secrets.values.NAME: { workspace: { file, key }, hosts, in }`, NAME in the playbook and in the egress rule of that host.',
    status: 403,
  },
  SECRETS_WORKSPACE_TOO_LARGE: {
    summary: 'a folder of the run holds more files than can be looked through for credentials',
    fix: 'Mount a smaller folder in the playbook, or remove what is generated (at most 200,000 files).',
    status: 422,
  },
  SECRETS_TOO_MANY_FILES: {
    summary: 'too many files of the workspace hold credentials or cannot be looked into',
    fix: 'Move them out of the workspace, or mount a smaller folder (at most 512 such files).',
    status: 422,
  },
  SECRETS_WORKSPACE_CHANGED: {
    summary: 'a file with credentials was replaced outside while a run could see it, so the run was stopped',
    fix: 'Try again. Do not replace files with credentials while an agent works in the same folder.',
    status: 409,
  },
  SECRETS_MASKER_FAILED: {
    summary: 'the workspace could not be looked through for credentials, so nothing was run',
    fix: 'Look for the reason in logs/gateway.log, and whether the home is full or read-only.',
    status: 503,
  },
  SECRETS_NOT_WRITTEN_BACK: {
    summary:
      'a run changed a file with credentials, and the change could not be written back without losing a value',
    fix: 'Compare the kept file in state/masks/kept, which holds placeholders, with the original.',
    status: 409,
  },
  SECRETS_BACKEND_CANNOT_MASK: {
    summary: 'the workspace holds credentials and this sandbox backend cannot hide them',
    fix: 'Use a backend that can (bubblewrap), or move the credentials out of the workspace.',
    status: 503,
  },
  SECRET_UNKNOWN: {
    summary: 'the placeholder names no secret',
    fix: 'Write {{secret:NAME}} with the name of a configured reference.',
    status: 403,
  },
});
