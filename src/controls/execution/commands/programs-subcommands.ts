import type { ProgramRow } from './program-row.ts';
import { GIT } from './programs-git.ts';

function words(line: string): readonly string[] {
  return line.split(' ');
}

/** Programs whose first operand decides what they do. Anything unlisted may be an alias or a plug-in. */
export const WITH_SUBCOMMANDS: readonly ProgramRow[] = [
  GIT,
  {
    names: ['npm'],
    source:
      'npm(1) exec, config, --script-shell; npm accepts abbreviated commands and any configuration as an option',
    kind: 'subcommands',
    options: { flags: 's', longFlags: ['silent', 'version', 'no-audit', 'no-fund'] },
    plain: [
      'test t run run-script start stop install i ci ls list view outdated audit pack version',
      'why explain fund root whoami ping search dedupe prune rebuild update uninstall',
    ].flatMap(words),
    known: {
      passesOn: true,
      flags: 'sDEPO',
      values: 'w',
      longFlags: words(
        'silent if-present no-audit no-fund ignore-scripts prefer-offline offline save-dev save-exact no-save json long all dry-run package-lock-only no-package-lock no-progress parseable production workspaces include-workspace-root legacy-peer-deps no-optional save verbose',
      ),
      longValues: words('omit include depth workspace loglevel'),
    },
    only: { audit: ['signatures'] },
    refuse: { contains: ['://', 'git+', 'file:'] },
  },
  {
    names: ['yarn', 'pnpm'],
    source: 'yarn(1), pnpm(1): exec, dlx, node; an unlisted word runs a program or a script',
    kind: 'subcommands',
    options: { longFlags: ['version', 'silent'] },
    plain: [
      'install',
      'add',
      'remove',
      'test',
      'run',
      'start',
      'list',
      'ls',
      'why',
      'outdated',
      'audit',
      'pack',
    ],
    refuse: { long: ['script-shell', 'shell-mode', 'node-options', 'use-yarnrc', 'shell-emulator'] },
  },
  {
    names: ['deno', 'bun'],
    source: 'deno --help, bun --help: eval, repl, remote modules',
    kind: 'subcommands',
    options: { longFlags: ['version'] },
    plain: ['test', 'fmt', 'lint', 'check', 'install', 'add', 'outdated'],
    special: { run: { words: ['-'], prefixes: ['--', '/dev', '/proc', 'http:', 'https:', 'data:', 'npm:'] } },
  },
  {
    names: ['bundle', 'poetry', 'uv', 'pipenv', 'conda', 'mamba', 'hatch', 'rye', 'composer', 'mix', 'rake'],
    source: 'bundle-exec(1), poetry run, uv run, conda run, composer exec',
    kind: 'subcommands',
    options: { longFlags: ['version'] },
    plain: ['install', 'lock', 'sync', 'check', 'show', 'list', 'outdated', 'tree', 'info'],
  },
  {
    names: ['systemctl', 'journalctl', 'loginctl', 'service', 'launchctl'],
    source: 'systemctl(1), journalctl(1): pagers and other units; GTFOBins systemctl',
    kind: 'subcommands',
    options: { longFlags: ['no-pager'] },
    plain: ['status', 'is-active', 'is-enabled', 'list-units', 'list-unit-files'],
    refuse: { short: 'HM', long: ['host', 'machine', 'root', 'image'] },
  },
];
