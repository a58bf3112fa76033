/** Why no test names these codes and findings. A group is a shared reason, not an excuse: it says what is missing. */
const GROUPS: Readonly<Record<string, string>> = {
  'The condition is driven by a test of what follows, which does not look at this code.': `
    LISTEN_GRANT_ENDED LISTEN_NOT_APPLIED SECRETS_WORKSPACE_CHANGED SECRETS_NOT_WRITTEN_BACK TURN_ABORTED TOOL_FAILED
    TOOL_FILE_CHANGED TOOL_IN_FLIGHT EGRESS_AWAY EXEC_FILE_CHANGED GATEWAY_NOT_READY DRILL_SETUP_FAILED ATTEST_KEY_UNKNOWN`,
  'Needs a platform that answers with this failure; the emulated one does not yet.': `
    CHANNEL_UNAUTHORIZED CHANNEL_CONFLICT CHANNEL_UNREACHABLE CHANNEL_MESSAGE_TOO_LARGE CHANNEL_SEND_REFUSED
    EGRESS_UPSTREAM_TIMEOUT TOOL_FETCH_FAILED HTTP_TOOL_CHOICE_UNMET`,
  'Needs an account without rights on a file; the tests run as root, which has them.': `
    EXEC_FILE_UNREADABLE REACH_FILE_NOT_OURS EGRESS_AUTHORITY_UNREADABLE BACKUP_IDENTITY_UNREADABLE`,
  'Needs a process that is stopped at one moment, which no test arranges yet.': `
    CLI_GATEWAY_STILL_STOPPING CLI_INTERRUPTED EGRESS_CALL_TIMEOUT EGRESS_ALREADY_RUNNING EGRESS_INPUTS_FAILED
    DRILL_PROBER_FAILED SECRETS_MASKER_FAILED SECRETS_BACKEND_CANNOT_MASK SANDBOX_CLEANUP_FAILED
    DOCTOR_EGRESS_VERSION_DIFFERS`,
  'Needs an image or an engine that fails; the suites of engines use good ones.': `
    SANDBOX_IMAGE_MISSING SANDBOX_SETUP_FAILED`,
  'A clock that passes an expiry, or a second try of something taken away already; nothing follows from it.': `
    CHANNEL_CODE_EXPIRED AUTH_IDENTITY_UNBOUND`,
  'Only advice or a count: nothing is refused, and no test looks at it yet.': `
    GRANT_USED_OFTEN APPROVALS_WAITING PLAYBOOK_SECRET_UNLISTED HONEYTOKEN_LIMIT 
    REACH_HOME_UNKNOWN REACH_FILE_CHANGED `,
  'Backups, repairs, export and alerting: their tests drive the way that works, not this failure.': `
    BACKUP_NOT_CONFIGURED BACKUP_RECIPIENT_INVALID BACKUP_RUNNING BACKUP_LEDGER_BROKEN BACKUP_CONFIG_INVALID
    BACKUP_RESTORE_FAILED REPAIR_RUNNING REPAIR_STEP_FAILED
    EXPORT_CONNECTION_LOST EXPORT_ANSWER EXPORT_UNAUTHORIZED EXPORT_RECORD_REFUSED EXPORT_FILE_FAILED EXPORT_CURSOR_LOST
    ALERTING_UNDELIVERED ALERTING_TEST ALERTING_SILENCED CONFIG_EXPORT_INVALID CONFIG_EXPORT_CLEAR CONFIG_ALERTS_INVALID`,
};

/** Codes and findings that no test names, and why. Who writes a test that names one takes the word away. */
export const UNTESTED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(GROUPS).flatMap(([why, codes]) =>
    codes
      .trim()
      .split(/\s+/)
      .map((code) => [code, why]),
  ),
);
