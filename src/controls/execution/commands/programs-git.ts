import type { KnownOptions, ProgramRow } from './program-row.ts';

function words(line: string): readonly string[] {
  return line.split(' ');
}

const LOG: KnownOptions = {
  flags: 'pqszmcLu0123456789bwRaC',
  values: 'nSGU',
  longFlags: words(
    'oneline stat shortstat numstat name-only name-status graph all patch no-patch decorate no-decorate no-merges merges follow first-parent reverse abbrev-commit no-abbrev-commit cached staged summary raw check no-color word-diff ignore-all-space ignore-space-change ignore-blank-lines minimal patience histogram full-index no-renames cherry cherry-pick left-right topo-order date-order no-ext-diff no-textconv exit-code quiet branches tags remotes merge-base no-prefix',
  ),
  longValues: words('max-count skip since until after before author committer grep'),
  longOptional: words(
    'format pretty date color stat unified diff-filter abbrev decorate word-diff find-renames',
  ),
  prefixes: ['-U', '-L', '-M'],
};
const QUIET = words('quiet verbose progress no-progress');

/**
 * git, by subcommand. Left out everywhere: options that run something (`--exec`, `--upload-pack`, `--ext-diff`,
 * `--textconv`, `-S` and `--gpg-sign` start gpg, `-s STRATEGY` starts git-merge-STRATEGY, `-e`, `-p` and `-i` start an
 * editor or a pager), write to a file (`--output`), or name another repository or template.
 */
export const GIT: ProgramRow = {
  names: ['git'],
  source:
    'git(1) -c, --exec-path, aliases, ext:: transports (git-remote-ext); git-SUBCOMMAND(1), 2.47; GTFOBins git',
  kind: 'subcommands',
  options: {
    flags: 'Pv',
    values: 'C',
    longFlags: ['no-pager', 'version', 'no-optional-locks', 'literal-pathspecs'],
  },
  plain: [],
  knownOf: {
    status: {
      flags: 'sbvuzM',
      longFlags: words('short branch verbose long ignored show-stash'),
      longOptional: words('porcelain untracked-files ignored'),
      prefixes: ['-u'],
    },
    log: LOG,
    show: LOG,
    diff: LOG,
    reflog: LOG,
    shortlog: {
      flags: 'nsec',
      longFlags: words('numbered summary email all no-merges'),
      longValues: ['since', 'until'],
    },
    add: {
      flags: 'AufnvN',
      longFlags: [...QUIET, ...words('all update force dry-run intent-to-add no-all')],
      longOptional: ['chmod'],
    },
    commit: {
      flags: 'aqvnso',
      values: 'm',
      longFlags: [
        ...QUIET,
        ...words(
          'all amend no-edit no-verify allow-empty allow-empty-message signoff dry-run only no-gpg-sign reset-author',
        ),
      ],
      longValues: words('message author date'),
    },
    branch: {
      flags: 'avrdDmMcCfqlu',
      longFlags: [
        ...QUIET,
        ...words('all list delete move copy force remotes show-current no-track merged no-merged'),
      ],
      longValues: ['sort'],
      longOptional: words('contains format set-upstream-to points-at track'),
    },
    checkout: {
      flags: 'bBfqt',
      longFlags: [...QUIET, ...words('force track no-track detach ours theirs')],
      values: '',
    },
    switch: {
      flags: 'cCfqdt',
      longFlags: [...QUIET, ...words('create force detach track no-track discard-changes')],
    },
    restore: {
      flags: 'SWq',
      values: 's',
      longFlags: [...QUIET, ...words('staged worktree ours theirs')],
      longValues: ['source'],
    },
    reset: { flags: 'q', longFlags: [...QUIET, ...words('soft mixed hard keep merge')] },
    'rev-parse': {
      flags: 'q',
      longFlags: words(
        'verify abbrev-ref show-toplevel is-inside-work-tree git-dir show-prefix symbolic-full-name show-cdup',
      ),
      longOptional: words('short abbrev-ref'),
    },
    'ls-files': {
      flags: 'cdmosuz',
      longFlags: words('cached deleted modified others stage exclude-standard full-name error-unmatch'),
    },
    'ls-tree': { flags: 'drtlz', longFlags: words('name-only full-tree full-name long') },
    'cat-file': { flags: 'tsep' },
    blame: {
      flags: 'wensbcltM',
      values: 'L',
      longFlags: words('show-email porcelain line-porcelain'),
      prefixes: ['-L'],
    },
    annotate: {},
    stash: {
      flags: 'quak',
      values: 'm',
      longFlags: [...QUIET, ...words('include-untracked keep-index index all')],
      longValues: ['message'],
    },
    tag: {
      flags: 'lafdn',
      values: 'm',
      longFlags: words('list annotate delete force no-sign'),
      longValues: words('message sort contains points-at'),
      prefixes: ['-n'],
    },
    merge: {
      flags: 'qvn',
      values: 'm',
      longFlags: [
        ...QUIET,
        ...words('ff ff-only no-ff squash no-edit no-commit abort continue quit no-gpg-sign'),
      ],
    },
    'merge-base': { flags: 'a', longFlags: words('all is-ancestor octopus fork-point') },
    rebase: {
      flags: 'qvr',
      longFlags: [...QUIET, ...words('abort continue skip quit autostash no-autostash root no-gpg-sign')],
      longValues: ['onto'],
    },
    revert: { flags: 'n', longFlags: words('no-edit no-commit abort continue quit skip no-gpg-sign') },
    'cherry-pick': {
      flags: 'nx',
      values: 'm',
      longFlags: words('no-commit abort continue quit skip ff no-gpg-sign'),
    },
    init: { flags: 'qb', longFlags: words('quiet bare'), longOptional: ['initial-branch', 'object-format'] },
    mv: { flags: 'fknv', longFlags: words('force dry-run verbose') },
    rm: { flags: 'frnq', longFlags: words('force cached dry-run quiet ignore-unmatch') },
    describe: { longFlags: words('all tags long always dirty'), longOptional: words('abbrev match exclude') },
    'rev-list': {
      flags: '0123456789',
      values: 'n',
      longFlags: words('all count no-merges reverse left-right first-parent'),
      longOptional: words('max-count since until abbrev-commit'),
    },
    'for-each-ref': { longOptional: words('format sort count'), longFlags: ['merged', 'no-merged'] },
    'show-ref': { flags: 'dsq', longFlags: words('head heads tags verify') },
    'name-rev': { longFlags: words('name-only tags all always') },
    'count-objects': { flags: 'vH' },
    'check-ignore': { flags: 'vqn', longFlags: words('verbose no-index') },
    version: {},
    grep: {
      flags: 'niIwlLchHvEFGPqoWr',
      values: 'eABCm',
      longFlags: words(
        'line-number ignore-case word-regexp name-only count files-with-matches cached untracked no-color heading break and or not perl-regexp fixed-strings extended-regexp',
      ),
    },
    clone: {
      flags: 'qvns',
      values: 'bo',
      longFlags: [
        ...QUIET,
        ...words('single-branch no-single-branch no-tags no-checkout bare sparse shallow-submodules'),
      ],
      longValues: words('depth branch origin shallow-since filter jobs'),
    },
    fetch: {
      flags: 'qvptfk4',
      longFlags: [...QUIET, ...words('all prune tags no-tags force dry-run unshallow prune-tags atomic')],
      longValues: ['depth', 'jobs', 'deepen'],
    },
    pull: {
      flags: 'qvpr',
      longFlags: [
        ...QUIET,
        ...words('rebase no-rebase ff ff-only no-ff prune tags no-tags no-edit autostash all'),
      ],
      longValues: ['depth'],
    },
    push: {
      flags: 'qvuntdf',
      longFlags: [
        ...QUIET,
        ...words(
          'set-upstream tags delete dry-run force force-with-lease follow-tags no-verify porcelain all mirror',
        ),
      ],
      longOptional: ['force-with-lease'],
    },
    remote: { flags: 'v', longFlags: ['verbose'] },
    worktree: {},
    apply: {
      flags: 'v3R',
      longFlags: words('check stat numstat summary index cached reverse verbose 3way recount'),
    },
    'symbolic-ref': { flags: 'q', longFlags: words('short quiet') },
  },
  only: {
    remote: words('-v --verbose show get-url'),
    worktree: ['list', 'prune'],
    stash: words(
      'push pop apply list show drop -u -q -m -k -a --include-untracked --keep-index --message --all --quiet',
    ),
    reflog: words('show --oneline -n HEAD'),
  },
  writes: { mv: 'move', rm: 'all', clone: 'second', init: 'all' },
  refuse: {
    long: ['output-directory', 'exec-path', 'config-env', 'template'],
    // A transport helper (`ext::sh -c ...`), ssh in either spelling, and files of this machine by URL.
    prefixes: ['ssh:', 'git:', 'git+', 'file:'],
    expression: /^[A-Za-z0-9_-]+::|^[\w.-]+@[\w.-]+:/,
  },
};
