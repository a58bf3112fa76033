import { defineCodes } from '../kernel/index.ts';

/** What can be wrong with a configuration or a playbook. All of one input are reported together. */
export const CONFIG_CODES = defineCodes({
  CONFIG_INVALID: {
    summary: 'the configuration is not valid; nothing was changed',
    fix: 'Correct what is listed and run `gatehouse config validate`.',
    status: 400,
  },
  CONFIG_TOO_LARGE: {
    summary: 'the file is larger than a configuration may be',
    fix: 'Keep each file under 1 MiB; split it with $include if it really holds that much.',
    status: 413,
  },
  CONFIG_UNREADABLE: {
    summary: 'the file cannot be read',
    fix: 'Make it a regular file that the account running Gatehouse can read.',
    status: 400,
  },
  CONFIG_NOT_UTF8: {
    summary: 'the file is not UTF-8 text',
    fix: 'Save it as UTF-8 without NUL characters.',
    status: 400,
  },
  CONFIG_SYNTAX: {
    summary: 'the file is not valid JSON5 or YAML',
    fix: 'Correct the line that is named.',
    status: 400,
  },
  CONFIG_TRUNCATED: {
    summary: 'the file ends in the middle',
    fix: 'Restore the rest of the file, or `gatehouse config rollback` to the last snapshot.',
    status: 400,
  },
  CONFIG_TOO_DEEP: {
    summary: 'the file nests deeper than a configuration may',
    fix: 'Flatten it: no key of Gatehouse is that deep.',
    status: 400,
  },
  CONFIG_DUPLICATE_KEY: {
    summary: 'a key stands twice in one object, so one of them would be ignored',
    fix: 'Keep one of the two.',
    status: 400,
  },
  CONFIG_FORBIDDEN_KEY: {
    summary: 'the key has a meaning of its own to the program and is never configuration',
    fix: 'Remove it from the file.',
    status: 400,
  },
  CONFIG_UNKNOWN_KEY: {
    summary: 'the key is not known',
    fix: 'Correct its spelling, or remove it.',
    status: 400,
  },
  CONFIG_UNSUPPORTED_KEY: {
    summary: 'the key belongs to OpenClaw and Gatehouse does not act on it',
    fix: 'Remove it and do what is said instead.',
    status: 400,
  },
  CONFIG_UNSUPPORTED_VALUE: {
    summary: 'the value is known and not possible here',
    fix: 'Use one of the possible values.',
    status: 400,
  },
  CONFIG_NOT_EMPTY: {
    summary: 'this home has a configuration already; nothing was changed',
    fix: 'Look at the difference with --dry-run, then give --replace; the old one stays in the history.',
    status: 409,
  },
  CONFIG_OPENCLAW_HOME_MISSING: {
    summary: 'there is no OpenClaw home in that folder',
    fix: 'Name the folder that holds openclaw.json, usually ~/.openclaw.',
    status: 404,
  },
  CONFIG_MIGRATION_IMPOSSIBLE: {
    summary: 'no configuration that loads could be made of this one',
    fix: 'Correct what is listed in a copy of the home and migrate the copy.',
    status: 422,
  },
  CONFIG_KEY_IGNORED: {
    summary: 'the key has no effect here',
    fix: 'Remove it, so that nobody relies on it.',
    status: 200,
  },
  CONFIG_WRONG_TYPE: {
    summary: 'the value has the wrong type',
    fix: 'Write a value of the type that is named.',
    status: 400,
  },
  CONFIG_OUT_OF_RANGE: {
    summary: 'the value is outside its bounds',
    fix: 'Write a value within the bounds that are named.',
    status: 400,
  },
  CONFIG_BAD_VALUE: {
    summary: 'the value is not one of those that are possible',
    fix: 'Use one of the values that are named.',
    status: 400,
  },
  CONFIG_MISSING_KEY: {
    summary: 'a required key is missing',
    fix: 'Add the key.',
    status: 400,
  },
  CONFIG_TOO_MANY_ISSUES: {
    summary: 'more is wrong than is listed',
    fix: 'Correct what is listed and validate again.',
    status: 400,
  },
  CONFIG_REFERENCE_NOT_ALLOWED: {
    summary: 'a reference to the environment stands where no secret is expected',
    fix: 'Write the value itself; ${NAME} is possible only for keys that hold secrets.',
    status: 400,
  },
  CONFIG_REFERENCE_INVALID: {
    summary: 'the reference to a secret cannot be understood',
    fix: 'Write "${NAME}", or { source: "env" | "file" | "exec", id: "..." }.',
    status: 400,
  },
  CONFIG_SECRET_LITERAL: {
    summary: 'a secret stands in the file itself',
    fix: 'Put it into the environment or a file of its own and refer to it, then change the secret: it was in a file that is copied and backed up.',
    status: 400,
  },
  CONFIG_INCLUDE_CYCLE: {
    summary: 'a file includes itself, directly or through others',
    fix: 'Remove one of the $include lines.',
    status: 400,
  },
  CONFIG_INCLUDE_OUTSIDE: {
    summary: 'an included file is outside the home, or where agents and programs write',
    fix: 'Put it beside gatehouse.json and name it by a relative path without links.',
    status: 400,
  },
  CONFIG_INCLUDE_INVALID: {
    summary: '$include is not a relative path, a list of them, or there are too many',
    fix: 'Write $include: "./name.json5", at most 64 files and 10 levels.',
    status: 400,
  },
  CONFIG_PROVIDER_UNKNOWN: {
    summary: 'a model names a provider that does not exist',
    fix: 'Add it under models.providers, or export its key in the environment that starts Gatehouse.',
    status: 400,
  },
  CONFIG_PROVIDER_URL: {
    summary: 'the address of a provider cannot be used',
    fix: 'Write https://host[:port]/path without user name, query or fragment; http only for this machine or with no key.',
    status: 400,
  },
  CONFIG_AGENT_INVALID: {
    summary: 'the agents contradict each other',
    fix: 'Give each agent one entry, one id and its own workspace, and at most one `default: true`.',
    status: 400,
  },
  CONFIG_PATH_NOT_ALLOWED: {
    summary: 'the path would give a sandbox what it must never see',
    fix: 'Use a directory of its own, outside the home of Gatehouse, credentials, system and socket directories.',
    status: 400,
  },
  CONFIG_GRANT_INVALID: {
    summary: 'a grant is incomplete or could never be used',
    fix: 'Give id, layer, kind, match with attributes of that kind, owner, ticket, reason and a date within 90 days.',
    status: 400,
  },
  CONFIG_GRANT_EXPIRED: {
    summary: 'a grant has expired and gives nothing',
    fix: 'Remove it, or renew it with a new ticket.',
    status: 200,
  },
  CONFIG_GRANT_REQUIRED: {
    summary: 'this opens something to everybody and needs a grant',
    fix: 'Add a grant with owner, ticket, reason and expiry, or keep the narrower value.',
    status: 400,
  },
  CONFIG_SENDER_INVALID: {
    summary: 'a sender or a group is named by something that is no stable id of the platform',
    fix: 'Write one stable id per list entry (a number, a user id), never a name, and no commas or spaces.',
    status: 400,
  },
  CONFIG_EGRESS_INVALID: {
    summary: 'a destination cannot be understood',
    fix: 'Write host or host:port, or an object with host, port, class and reason.',
    status: 400,
  },
  CONFIG_MODEL_UNNAMED: {
    summary: 'a provider is there but nothing says which of its models to use',
    fix: 'Set agents.defaults.model to provider/model.',
    status: 200,
  },
  CONFIG_CHANNEL_NOT_STARTED: {
    summary: 'the channel is checked but not started by this version',
    fix: 'Nothing to do; Telegram, webhooks, the CLI, WebSocket and HTTP work.',
    status: 200,
  },
  CONFIG_EXPORT_INVALID: {
    summary: 'a destination of the ledger cannot be used',
    fix: 'Correct the key that is named; docs/operating/ledger.md shows each kind of destination.',
    status: 400,
  },
  CONFIG_EXPORT_CLEAR: {
    summary: 'events go to another machine without TLS',
    fix: 'Set transport to tls, or write https.',
    status: 200,
  },
  CONFIG_CHANNEL_INCOMPLETE: {
    summary: 'the account of a channel lacks something it needs',
    fix: 'Add the key that is named, as a reference to a secret.',
    status: 400,
  },
  CONFIG_BIND_INVALID: {
    summary: 'nothing can listen on what this bind says',
    fix: 'Use loopback, lan, tailnet, one address such as 10.0.0.5, or the absolute path of a Unix socket.',
    status: 400,
  },
  CONFIG_ALERTS_INVALID: {
    summary: 'a destination of alerts could not reach anybody',
    fix: 'Correct the key that is named; docs/operating/alerts.md has one example of each kind.',
    status: 400,
  },
  CONFIG_BINDING_INVALID: {
    summary: 'a binding names an agent, a channel or an account that does not exist',
    fix: 'Correct the name; `gatehouse agents list` shows the agents.',
    status: 400,
  },
  CONFIG_PATH_UNKNOWN: {
    summary: 'there is no such key',
    fix: 'See `gatehouse config schema` for the keys.',
    status: 404,
  },
  CONFIG_SNAPSHOT_UNKNOWN: {
    summary: 'there is no snapshot with this number',
    fix: 'See `gatehouse config history` for the numbers.',
    status: 404,
  },
  CONFIG_WRITE_FAILED: {
    summary: 'the configuration could not be written; the old one stays',
    fix: 'Check free space and permissions of the home.',
    status: 500,
  },
});

export const PLAYBOOK_CODES = defineCodes({
  PLAYBOOK_UNKNOWN: {
    summary: 'there is no playbook with this name',
    fix: 'Use a shipped one (default, support-bot, ops-helper, dev-assistant) or add playbooks/NAME.yaml to the home.',
    status: 400,
  },
  PLAYBOOK_NAME: {
    summary: 'the name of a playbook and of its file differ, or it takes the name of a shipped one',
    fix: 'Name the file after the playbook, with a name that is not shipped.',
    status: 400,
  },
  PLAYBOOK_INTERPRETER: {
    summary: 'allowing a shell, interpreter or wrapper allows every command',
    fix: 'Allow the commands themselves, or use ask for this one.',
    status: 400,
  },
  PLAYBOOK_COMMAND_TOO_WIDE: {
    summary: 'allowing this program with any arguments allows it to run other programs',
    fix: 'Allow single subcommands (for example `git status`), or use ask for this one.',
    status: 400,
  },
  PLAYBOOK_COMMAND_INVALID: {
    summary: 'the command is not a program name followed by plain words',
    fix: 'Write words separated by single spaces, without quotes, globs, variables or paths; end with ` $` for exactly this.',
    status: 400,
  },
  PLAYBOOK_FILES_INVALID: {
    summary: 'the path is not one that a sandbox may have',
    fix: 'Use absolute paths below /workspace, /data, /mnt or /tmp, without `..`; `/**` at the end for everything below.',
    status: 400,
  },
  PLAYBOOK_SECRET_UNLISTED: {
    summary: 'an egress rule names a secret that its playbook does not list, so no request carries it',
    fix: 'Add the name to `secrets` of the playbook, or take it out of the rule.',
    status: 400,
  },
  PLAYBOOK_SECRET_UNKNOWN: {
    summary: 'the secret is not one that runs may use',
    fix: 'Name a secret that the configuration lists under `secrets.values`.',
    status: 400,
  },
  PLAYBOOK_REVIEW_DUE: {
    summary: 'the review date of a playbook has passed',
    fix: 'Read it again with its owner and set a new date.',
    status: 200,
  },
  PLAYBOOK_MOUNT_MISSING: {
    summary: 'a directory that the playbook mounts does not exist',
    fix: 'Create it, or remove the mount; runs of this playbook will be refused until then.',
    status: 200,
  },
});

export type ConfigCode = keyof typeof CONFIG_CODES.table | keyof typeof PLAYBOOK_CODES.table;

/** What the listed code says, for issues that need no other words. */
export function codeSpec(code: ConfigCode): { readonly summary: string; readonly fix: string } {
  return code in CONFIG_CODES.table
    ? CONFIG_CODES.table[code as keyof typeof CONFIG_CODES.table]
    : PLAYBOOK_CODES.table[code as keyof typeof PLAYBOOK_CODES.table];
}
