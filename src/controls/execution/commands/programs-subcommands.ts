import type { ProgramRow } from './program-row.ts';

function words(line: string): readonly string[] {
  return line.split(' ');
}

/** Programs whose first operand decides what they do. Anything unlisted may be an alias or a plug-in. */
export const WITH_SUBCOMMANDS: readonly ProgramRow[] = [
  {
    names: ['git'],
    source: 'git(1) -c, --exec-path, aliases, ext:: transports (git-remote-ext); GTFOBins git',
    kind: 'subcommands',
    options: {
      flags: 'Pv',
      values: 'C',
      longFlags: ['no-pager', 'version', 'no-optional-locks', 'literal-pathspecs'],
    },
    plain: [
      'status log show add commit branch checkout switch restore reset rev-parse ls-files',
      'ls-tree cat-file blame annotate stash tag merge merge-base revert cherry-pick init mv rm',
      'describe shortlog reflog rev-list for-each-ref apply show-ref symbolic-ref name-rev',
      'count-objects check-ignore clean worktree version',
    ].flatMap(words),
    special: {
      diff: { long: ['ext-diff'] },
      grep: { short: 'O', long: ['open-files-in-pager'] },
      rebase: { short: 'xi', long: ['exec', 'interactive'] },
      clone: { short: 'cu', long: ['config', 'upload-pack', 'template', 'recurse-submodules'] },
      fetch: { long: ['upload-pack', 'server-option'] },
      pull: { long: ['upload-pack'] },
      push: { long: ['receive-pack', 'exec'] },
      'ls-remote': { long: ['upload-pack', 'exec'] },
      remote: { words: ['add', 'set-url'] },
      archive: { long: ['remote', 'exec'] },
    },
    refuse: {
      long: ['output', 'output-directory', 'exec-path', 'config-env', 'ext-diff', 'textconv', 'template'],
      prefixes: ['ext::', 'fd::'],
    },
  },
  {
    names: ['npm'],
    source: 'npm(1) exec, config, --script-shell; npm accepts abbreviated commands',
    kind: 'subcommands',
    options: { flags: 's', longFlags: ['silent', 'version'] },
    plain: [
      'test t run run-script start stop install i ci ls list view outdated audit pack version',
      'why explain fund root whoami ping search dedupe prune rebuild update uninstall',
    ].flatMap(words),
    refuse: {
      long: [
        'script-shell',
        'node-options',
        'shell',
        'userconfig',
        'globalconfig',
        'call',
        'editor',
        'git',
        'viewer',
      ],
    },
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
