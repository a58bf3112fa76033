import { defineCodes } from '../../kernel/index.ts';

/** Everything this control refuses with. Codes of decisions about commands and files are the kernel's. */
export const EXECUTION_CODES = defineCodes({
  EXEC_COMMAND_UNCLEAR: {
    summary: 'the command line is not fully understood, so it never runs without a person',
    fix: 'Write it as plain commands without expansions, wrappers or inline code, or approve it as shown.',
    status: 403,
  },
  EXEC_CONFINED: {
    summary: 'the sandbox kept a run from what it tried',
    fix: 'Nothing is to be done: drills look for this. `gatehouse sandbox explain` shows the isolation.',
    status: 403,
  },
  EXEC_FILE_RUNS_LATER: {
    summary: 'programs outside the sandbox run what is written there, so a person looks at it first',
    fix: 'Read the change as shown and approve it, or leave hooks, editor and shell configuration to people.',
    status: 403,
  },
  EXEC_PATH_INVALID: {
    summary: 'the path cannot be used inside the sandbox',
    fix: 'Use an absolute path, or one relative to the working directory, without control characters.',
    status: 400,
  },
  EXEC_PATH_ESCAPES: {
    summary: 'the path leads out of the directories that this agent was given',
    fix: 'Remove the symbolic link, or mount the directory it points to in the playbook.',
    status: 403,
  },
  EXEC_FILE_TOO_LARGE: {
    summary: 'a file that the command names is too large to be fixed by an approval',
    fix: 'Split the file, or run the command on a smaller part of it.',
    status: 413,
  },
  EXEC_FILE_CHANGED: {
    summary: 'a file that the command names changed while it was read',
    fix: 'Wait until nothing else writes to it and ask again.',
    status: 409,
  },
  EXEC_FILE_UNREADABLE: {
    summary: 'a file that the command names could not be read, so an approval cannot be bound to it',
    fix: 'Give the account that runs Gatehouse the right to read the file.',
    status: 403,
  },
  EXEC_TOO_MANY_FILES: {
    summary: 'the command names more files than one approval can be bound to',
    fix: 'Run it in smaller parts.',
    status: 413,
  },
});

export const APPROVAL_CODES = defineCodes({
  APPROVAL_NOT_FOUND: {
    summary: 'there is no approval with this id',
    fix: 'List what waits with `gatehouse approvals list`.',
    status: 404,
  },
  APPROVAL_PENDING: {
    summary: 'nobody has answered this approval yet',
    fix: 'Answer it with `gatehouse approvals approve ID` or `gatehouse approvals deny ID`.',
    status: 409,
  },
  APPROVAL_DENIED: {
    summary: 'this approval was denied',
    fix: 'Ask the person who denied it; a new request starts a new approval.',
    status: 403,
  },
  APPROVAL_EXPIRED: {
    summary: 'this approval expired before it was used',
    fix: 'Start the action again and answer in time; `approvalMs` in the playbook sets how long that is.',
    status: 410,
  },
  APPROVAL_CANCELLED: {
    summary: 'the run that asked for this approval has ended',
    fix: 'Start the action again if it is still wanted.',
    status: 409,
  },
  APPROVAL_CONSUMED: {
    summary: 'this approval was already used for one run',
    fix: 'Ask for a new approval; one approval is one run.',
    status: 409,
  },
  APPROVAL_CHANGED: {
    summary: 'what would run is not what was approved',
    fix: 'Compare with `gatehouse approvals show ID` and ask for a new approval of what is there now.',
    status: 409,
  },
  APPROVAL_ALREADY_RESOLVED: {
    summary: 'this approval was already answered differently',
    fix: 'See who answered with `gatehouse approvals show ID`; the first answer stands.',
    status: 409,
  },
  APPROVAL_APPROVER_NOT_ALLOWED: {
    summary: 'this caller may not answer this approval',
    fix: 'A person with the scope operator.approvals answers; a run, an agent or a tool never does.',
    status: 403,
  },
  APPROVAL_DECISION_UNKNOWN: {
    summary: 'the answer is none of allow-once, allow-always and deny',
    fix: 'Answer with one of these three.',
    status: 400,
  },
  APPROVAL_STANDING_TOO_WIDE: {
    summary: 'a standing approval of this form would be too wide',
    fix: 'Name the program and its subcommand, and leave at most two words open with `*`. Shells, interpreters and programs that run others never get one.',
    status: 400,
  },
  APPROVAL_STANDING_EXISTS: {
    summary: 'there is a standing approval of this name already',
    fix: 'See it with `gatehouse approvals standing show NAME`, and choose another name.',
    status: 409,
  },
  APPROVAL_STANDING_NOT_FOUND: {
    summary: 'there is no standing approval of this name',
    fix: 'List them with `gatehouse approvals standing list`.',
    status: 404,
  },
  APPROVAL_TOO_MANY: {
    summary: 'this session already waits for as many approvals as it may',
    fix: 'Answer or deny what waits; `gatehouse approvals list` shows it.',
    status: 429,
  },
  APPROVAL_CLOSED: {
    summary: 'the approval service is shutting down',
    fix: 'Try again after the restart; what was pending is still there.',
    status: 503,
  },
});
