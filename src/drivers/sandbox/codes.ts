import { defineCodes } from '../../kernel/index.ts';

export const INSTALL_BUBBLEWRAP =
  'Install it: `apt-get install bubblewrap util-linux` (Debian, Ubuntu), `dnf install bubblewrap` (Fedora), ' +
  '`apk add bubblewrap util-linux-misc` (Alpine); then run `gatehouse doctor`.';

export const SANDBOX_CODES = defineCodes({
  SANDBOX_UNAVAILABLE: {
    summary: 'no sandbox can be started on this machine, so nothing is run',
    fix: INSTALL_BUBBLEWRAP,
    status: 503,
  },
  SANDBOX_SPEC_INVALID: {
    summary: 'the run was described in a way that cannot be sandboxed',
    fix: 'Use an absolute working directory inside a mount, positive whole limits, and text without NUL bytes.',
    status: 400,
  },
  SANDBOX_MOUNT_REFUSED: {
    summary: 'a directory that may never be seen by a sandbox was to be mounted',
    fix: 'Mount the project directory itself; credentials, system directories and sockets stay outside.',
    status: 403,
  },
  SANDBOX_ENV_REFUSED: {
    summary: 'a variable that changes which code runs was to be set',
    fix: 'Leave PATH, LD_*, NODE_OPTIONS, BASH_ENV and the like out of the environment of a run.',
    status: 403,
  },
  SANDBOX_PROGRAM_MISSING: {
    summary: 'a program that the playbook lists does not exist on this machine',
    fix: 'Install the program or take it out of the list of programs.',
    status: 422,
  },
  SANDBOX_STRICT_UNSUPPORTED: {
    summary: 'the playbook lists the only programs that may exist, and this backend cannot keep to that',
    fix: 'Use the bubblewrap backend for this agent, or take `programs` out of the playbook.',
    status: 422,
  },
  SANDBOX_IMAGE_MISSING: {
    summary: 'there is no image for the container backend, so nothing is run',
    fix: 'Build it with `gatehouse sandbox setup`.',
    status: 503,
  },
  SANDBOX_SETUP_REFUSED: {
    summary: 'an image cannot be built this way',
    fix: 'Follow the message; `gatehouse sandbox setup` without --apply shows what would be done.',
    status: 422,
  },
  SANDBOX_SETUP_FAILED: {
    summary: 'a step of building the image failed; what was done before is kept for the next try',
    fix: 'Follow the message and run the same command again.',
    status: 502,
  },
  SANDBOX_DISK_LOW: {
    summary: 'a disk that the run could write to is almost full, so nothing is run',
    fix: 'Make room on the file system of the workspace, for example by removing files that runs have left there.',
    status: 507,
  },
  SANDBOX_START_FAILED: {
    summary: 'the sandbox could not be set up, so the command did not start',
    fix: 'Run `gatehouse doctor`; it shows which part of the isolation this machine refuses.',
    status: 503,
  },
  SANDBOX_CLEANUP_FAILED: {
    summary: 'processes of a run were still there after they had been killed',
    fix: 'Look for processes in uninterruptible sleep (`ps -eo pid,stat,comm`), usually a hung file system.',
    status: 500,
  },
});
