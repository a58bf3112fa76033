/** A command without an operation behind it, and why it has none. */
export interface CliOnlyCommand {
  readonly command: string;
  readonly summary: string;
  readonly reason: string;
  readonly examples: readonly string[];
  readonly options?: readonly { readonly flags: string; readonly description: string }[];
}

const BACKUP_OPTIONS = [
  { flags: '--identity <path>', description: 'The private key, as age-keygen wrote it; not in the home.' },
  {
    flags: '--key <path>',
    description: 'keys/ledger.pub of the install that made it; that of the install here when absent.',
  },
  { flags: '--workdir <path>', description: 'Where to unpack for the proof; removed afterwards.' },
  {
    flags: '--max-bytes <number>',
    description: 'Bytes that it may unpack to; the room on the disk when absent.',
  },
  { flags: '--json', description: 'Print exactly the result as JSON.' },
];

/** Every command that is not made from an operation. The parity test accepts no other. */
export const CLI_ONLY: readonly CliOnlyCommand[] = Object.freeze([
  {
    command: 'gateway run',
    summary: 'Run the gateway and egress in the foreground',
    reason: 'It starts the process that answers operations.',
    examples: ['gatehouse gateway run', 'GATEHOUSE_PORT=18790 gatehouse gateway run'],
  },
  {
    command: 'gateway start',
    summary: 'Start the gateway detached, wait until it is ready, and print the posture it measured',
    reason: 'It starts the process that answers operations.',
    examples: ['gatehouse gateway start'],
  },
  {
    command: 'chat',
    summary: 'Talk to an agent in this terminal',
    reason:
      'It is a terminal around agent.run, approvals.resolve and sessions.*; it can do nothing that they cannot.',
    examples: ['gatehouse chat', 'gatehouse chat --session-key work --agent main'],
  },
  {
    command: 'tunnel install',
    summary: 'Write the ssh config entry or the service unit of a tunnel for this account, or take it away',
    reason: 'It writes files of the account that types it, on a machine that mostly has no gateway.',
    examples: [
      'gatehouse tunnel install --format systemd --host gatehouse-tunnel@gate.example.org --identity ~/.ssh/gatehouse',
      'gatehouse tunnel install --format systemd --uninstall',
    ],
    options: [
      { flags: '--format <text>', description: 'One of: ssh-config, systemd, launchd.' },
      { flags: '--host <text>', description: 'user@host of the machine that Gatehouse runs on.' },
      { flags: '--local-port <number>', description: 'Port here; the same as there when absent.' },
      { flags: '--remote-port <number>', description: "The gateway's port there; 18789 when absent." },
      { flags: '--ssh-port <number>', description: 'Port of sshd; left to ssh when absent.' },
      { flags: '--identity <path>', description: 'Private key; left to ssh when absent.' },
      { flags: '--name <text>', description: 'Name of the entry and of the unit.' },
      { flags: '--uninstall', description: 'Take away what this command wrote.' },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'attest verify',
    summary: 'Check an attestation with a key that you trust, on any machine',
    reason: 'It needs no install: a file, and the public key that its owner gave you.',
    examples: ['gatehouse attest verify posture.json --key ledger.pub'],
    options: [
      { flags: '--key <path>', description: 'The public key in PEM; that of the install here when absent.' },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'backup verify',
    summary: 'Open a backup with its private key and prove everything in it, on any machine',
    reason: 'It reads the private key of the backups, which no gateway ever gets.',
    examples: [
      'gatehouse backup verify gatehouse-20261128T023000Z-1a2b3c.age --identity /media/key/backup.key --key ledger.pub',
    ],
    options: BACKUP_OPTIONS,
  },
  {
    command: 'backup restore',
    summary: 'Come back from a backup, or rehearse it without touching anything',
    reason:
      'It reads the private key of the backups, and exchanges the files of a home on which nothing runs.',
    examples: [
      'gatehouse backup restore gatehouse-20261128T023000Z-1a2b3c.age --identity /media/key/backup.key --rehearse',
      'gatehouse backup restore gatehouse-20261128T023000Z-1a2b3c.age --identity /media/key/backup.key --reason "disk replaced"',
    ],
    options: [
      ...BACKUP_OPTIONS.slice(0, -1),
      {
        flags: '--rehearse',
        description: 'Do everything in a temporary folder, compare, and take it away again.',
      },
      {
        flags: '--ledger <path>',
        description:
          'A newer ledger.db, for example from the old disk; what it says was revoked stays revoked.',
      },
      { flags: '--reason <text>', description: 'Why, in one line; goes into the ledger.' },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'ledger export',
    summary: 'Write the ledger of some time as a file that anybody can prove',
    reason: 'It writes a file of the account that types it, out of pages of ledger.evidence.',
    examples: [
      'gatehouse ledger export --since 2026-03-01 --until 2026-04-01 --out march.jsonl',
      'gatehouse ledger export --since 7d --format json > week.jsonl',
    ],
    options: [
      {
        flags: '--since <time>',
        description: 'From this time on, or so long ago; the beginning when absent.',
      },
      { flags: '--until <time>', description: 'Up to this time; now when absent.' },
      { flags: '--format <text>', description: 'One of: ocsf, json.' },
      { flags: '--out <path>', description: 'New file; standard output when absent.' },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'migrate openclaw',
    summary: 'Make a Gatehouse configuration out of an OpenClaw home, and explain every difference',
    reason: 'It reads files of the account that types it; what it writes goes through config.apply.',
    examples: [
      'gatehouse migrate openclaw --dry-run',
      'gatehouse migrate openclaw --from ~/.openclaw --ticket OPS-40',
    ],
    options: [
      {
        flags: '--from <path>',
        description: 'The OpenClaw home; OPENCLAW_STATE_DIR or ~/.openclaw when absent.',
      },
      { flags: '--dry-run', description: 'Show the report and the configuration; change nothing anywhere.' },
      {
        flags: '--replace',
        description: 'Replace a configuration that is there already; it stays in the history.',
      },
      { flags: '--ticket <text>', description: 'Ticket that this belongs to, kept with the snapshot.' },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'token scan',
    summary: 'Find live and retired tokens in files, backups, shell histories and environments',
    reason:
      'It reads files with the rights of the account that types it; the gateway is asked with digests (token.identify) and reads no path that a caller names.',
    examples: [
      'gatehouse token scan ~ /etc /srv/backups',
      'gatehouse token scan --processes ~/.bash_history .env --json',
    ],
    options: [
      { flags: '--processes', description: "Also environments and arguments of this account's processes." },
      { flags: '--json', description: 'Print exactly the result as JSON.' },
    ],
  },
  {
    command: 'completion',
    summary: 'Print the completion script of a shell',
    reason: 'It is about the command line itself.',
    examples: ['gatehouse completion bash > ~/.local/share/bash-completion/completions/gatehouse'],
  },
]);
