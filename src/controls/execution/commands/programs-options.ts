import type { ProgramRow } from './program-row.ts';

function words(line: string): readonly string[] {
  return line.split(' ');
}

const GNU_INFORM = ['help', 'version'];

/**
 * Programs that can run others, load code or write files through an option (attack 70). Every option that may stand
 * is listed with its grammar; an abbreviation, a later version's option or one that nobody has thought of is asked.
 */
export const WITH_OPTIONS: readonly ProgramRow[] = [
  {
    names: ['tar', 'gtar'],
    source:
      'tar(1), GNU tar 1.35; left out: --checkpoint-action, --to-command, -I, -F, -T, -P, --transform (e flag)',
    kind: 'known',
    firstIsCluster: true,
    options: {
      flags: 'cxtrzjJvpkmhaOSow',
      values: 'fCX',
      writtenLetter: { letter: 'f', when: /^-[a-zA-Z]*[cru]/ },
      longFlags: words(
        'extract get list gzip bzip2 xz zstd verbose auto-compress keep-old-files numeric-owner no-same-owner no-same-permissions wildcards totals sparse dereference',
      ),
      longValues: words('directory exclude exclude-from strip-components owner group mode mtime sort'),
    },
    refuse: { contains: [':'] },
  },
  {
    names: ['find', 'gfind'],
    source:
      'find(1), GNU findutils 4.9; left out: actions that run, delete or write, -files0-from; GTFOBins find',
    kind: 'known',
    options: {
      flags: 'HLP',
      words: words(
        '-a -o -not -and -or -depth -d -xdev -mount -follow -daystart -noleaf -empty -readable -writable -executable -nouser -nogroup -true -false -print -print0 -ls -prune -quit -maxdepth -mindepth',
      ),
      wordValues: words(
        '-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype -lname -type -xtype -size -perm -user -group -uid -gid -links -inum -samefile -newer -anewer -cnewer -newermt -newerct -mtime -mmin -atime -amin -ctime -cmin -maxdepth -mindepth -fstype -printf',
      ),
    },
    inner: ['-exec', '-execdir', '-ok', '-okdir'],
  },
  {
    names: ['fd', 'fdfind'],
    source: 'fd(1); left out: -x, -X, --exec, --exec-batch',
    kind: 'known',
    options: {
      flags: 'HIugisalLp0',
      values: 'dtesEcS',
      longFlags: words(
        'hidden no-ignore glob absolute-path follow full-path print0 case-sensitive ignore-case list-details',
      ),
      longValues: words(
        'max-depth min-depth exact-depth type extension exclude color size changed-within changed-before max-results',
      ),
    },
  },
  {
    names: ['rg'],
    source: 'rg(1); left out: --pre, --hostname-bin, -z, --config',
    kind: 'known',
    options: {
      flags: 'nNilLcovwxsSFUuHIpPqa0.',
      values: 'egtTABCmrMdj',
      longFlags: words(
        'files files-with-matches files-without-match count count-matches line-number no-line-number ignore-case smart-case case-sensitive hidden no-ignore no-heading heading with-filename no-filename fixed-strings multiline only-matching word-regexp invert-match json null vimgrep column pcre2 no-config stats trim passthru quiet text',
      ),
      longValues: words(
        'regexp glob iglob type type-not after-context before-context context max-count max-depth max-columns replace sort sortr color threads max-filesize',
      ),
    },
  },
  {
    names: ['sort', 'gsort'],
    source: 'sort(1), GNU coreutils 9; left out: --compress-program, -o, -T, --files0-from',
    kind: 'known',
    options: {
      flags: 'bcCdfgihMmnRrsuVz',
      values: 'ktS',
      longFlags: words(
        'check numeric-sort general-numeric-sort human-numeric-sort version-sort reverse unique ignore-case dictionary-order stable zero-terminated month-sort ignore-leading-blanks',
      ).concat(GNU_INFORM),
      longValues: words('key field-separator buffer-size parallel sort'),
    },
  },
  {
    names: ['file'],
    source:
      'file(1); left out: -C writes a magic file, -m loads one, -z and -Z run decompressors, -S leaves its sandbox',
    kind: 'known',
    options: {
      flags: 'bhikLNnprsv0E',
      longFlags: words(
        'brief mime mime-type mime-encoding extension dereference no-dereference keep-going raw version',
      ),
    },
  },
  {
    names: ['diff', 'gdiff'],
    source: 'diff(1), GNU diffutils 3.8; left out: -l runs pr(1)',
    kind: 'known',
    options: {
      flags: 'abBcdeEfHinNpqrstTuwyZ0123456789',
      values: 'CIUWxFX',
      longFlags: words(
        'brief unified context side-by-side recursive new-file ignore-case ignore-all-space ignore-space-change ignore-blank-lines report-identical-files text minimal no-dereference suppress-common-lines expand-tabs show-c-function',
      ).concat(GNU_INFORM),
      longOptional: words('color unified context'),
      longValues: words('exclude label width ignore-matching-lines strip-trailing-cr'),
    },
  },
  {
    names: ['split', 'gsplit'],
    source: 'split(1), GNU coreutils 9: its output files have names of its own; left out: --filter',
    kind: 'opaque',
    why: 'writes files whose names are not in the line',
  },
  {
    names: ['shuf'],
    source: 'shuf(1); left out: -o, --random-source',
    kind: 'known',
    options: {
      flags: 'erz',
      values: 'in',
      longFlags: ['echo', 'repeat', 'zero-terminated'],
      longValues: ['input-range', 'head-count'],
    },
  },
  {
    names: ['tree'],
    source: 'tree(1); left out: -o, -R (writes 00Tree.html), --fromfile, --info',
    kind: 'known',
    options: {
      flags: 'adlfxpsuhgDQNqAnCFitrvUSJX',
      values: 'LPI',
      longFlags: words('noreport dirsfirst gitignore prune si du inodes device matchdirs'),
      longValues: words('filelimit charset sort timefmt'),
    },
  },
  {
    names: ['curl'],
    source:
      'curl(1) 8; left out: every option that names a file, a proxy, an engine or another way to connect',
    kind: 'known',
    options: {
      flags: 'fgiILNsSv46#Gqk0',
      values: 'AdeHmXwyYr',
      longFlags: words(
        'fail fail-with-body get head include location silent show-error verbose compressed http1.1 http2 http1.0 ipv4 ipv6 no-buffer globoff no-progress-meter path-as-is raw retry-connrefused retry-all-errors tlsv1.2 tlsv1.3',
      ),
      longValues: words(
        'user-agent data data-raw data-urlencode json referer header max-time request write-out retry retry-delay retry-max-time connect-timeout max-redirs max-filesize limit-rate range url url-query form-string',
      ),
    },
    // Values that are read from a file (@file, name@file), and write-out formats that write one.
    refuse: {
      prefixes: ['@', '-k', '--insecure'],
      expression: /^-[A-Za-z]*[dHw]@|^--[a-z-]+=@|%output|^[\w.-]*@[/.]/,
    },
    operands: { expression: /^(?!https?:\/\/)[a-z][a-z0-9+.-]*:(?!\d)|[[\]{}]/i },
  },
  {
    names: ['wget'],
    source:
      'wget(1): writes files of its own names; left out: --use-askpass, -e, --config, -i, and everything but -O -',
    kind: 'known',
    options: {
      flags: 'qvS46',
      values: 'tTUw',
      longFlags: words(
        'quiet verbose no-verbose server-response spider https-only no-cookies no-hsts no-config',
      ),
      longValues: words('tries timeout user-agent wait header max-redirect'),
      words: words('-O- -qO- --output-document=-'),
    },
    mustHave: {
      words: ['-O-', '-qO-', '--output-document=-', '--spider'],
      why: 'wget writes a file named by the server',
    },
    operands: { expression: /^(?!https?:\/\/)[a-z][a-z0-9+.-]*:(?!\d)/i },
  },
  {
    names: ['make', 'gmake'],
    source:
      'make(1), GNU make 4.3; left out: --eval, -f, -I, -e and every variable; the Makefile is a script',
    kind: 'known',
    options: {
      flags: 'kniqsStwBbm',
      values: 'jlCo',
      longFlags: words(
        'keep-going dry-run just-print ignore-errors question silent quiet touch print-directory no-print-directory always-make trace no-builtin-rules',
      ).concat(GNU_INFORM),
      longOptional: words('jobs load-average output-sync'),
      longValues: words('directory'),
      prefixes: ['-j', '-O'],
    },
    operands: { contains: ['=', '$'] },
  },
  {
    names: ['cc', 'gcc', 'g++', 'c++', 'clang', 'clang++', 'c99', 'c89'],
    source:
      'gcc(1), clang(1); left out: -wrapper, -fplugin, -specs, -B, -X*, -W[alp],, -fuse-ld, -iplugindir, @file',
    kind: 'known',
    options: {
      wordValues: words('-o -I -D -U -L'),
      written: ['-o'],
      words: words(
        '-c -E -S -v -w -s -g -g0 -g3 -ggdb -shared -static -pedantic -ansi -pthread -pipe -fPIC -fPIE -pie -no-pie -M -MM -MMD -MD -MP -rdynamic -nostdlib',
      ),
      prefixes: words(
        '-O -std= -Wall -Wextra -Werror -Wno- -Wpedantic -Wformat -Wshadow -Wconversion -Wunused -m64 -m32 -march= -mtune= -fsanitize= -fno- -fstack-protector -fvisibility= -ffunction-sections -fdata-sections -I -D -U -L -l',
      ),
    },
    operands: { prefixes: ['@'], words: ['-'] },
  },
  {
    names: ['go'],
    source:
      'go help build; left out: -exec, -toolexec, -vettool, -overlay, -modfile, -ldflags, -gcflags, profiles',
    kind: 'subcommands',
    options: {},
    plain: words('build test vet list fmt version doc mod'),
    only: {
      mod: words('tidy download verify graph why'),
    },
    known: {
      words: words(
        '-v -x -n -a -race -cover -short -json -failfast -trimpath -m -u -mod=mod -mod=readonly -mod=vendor -buildvcs=false -benchmem -vet=off',
      ),
      written: ['-o'],
      wordValues: words(
        '-o -run -skip -bench -count -timeout -parallel -p -tags -cpu -covermode -benchtime -f',
      ),
      prefixes: words(
        '-run= -skip= -bench= -count= -timeout= -parallel= -p= -tags= -cpu= -covermode= -benchtime=',
      ),
    },
  },
  {
    names: ['cargo'],
    source:
      'cargo(1); left out: --config (runner, linker, aliases), -Z, +toolchain, --manifest-path, --target-dir; plug-ins',
    kind: 'subcommands',
    options: { flags: 'qvV', longFlags: words('quiet verbose offline locked frozen version list') },
    plain: words(
      'build b check c test t bench clippy fmt doc clean tree metadata update fetch verify-project version',
    ),
    known: {
      passesOn: true,
      flags: 'qvr',
      values: 'pjF',
      longFlags: words(
        'quiet verbose release all workspace lib bins tests examples benches all-targets all-features no-default-features offline locked frozen no-run no-fail-fast keep-going doc no-deps check all',
      ),
      longValues: words(
        'package exclude bin test example bench features jobs profile message-format color depth edges',
      ),
    },
  },
  {
    names: ['pip'],
    source:
      'pip(1): installing runs code of the packages; left out: --python, --config-settings, index and target options',
    kind: 'subcommands',
    options: {},
    plain: words('install list show freeze check download uninstall index'),
    known: {
      flags: 'qvUyreI',
      longFlags: words(
        'quiet verbose upgrade yes no-deps no-cache-dir disable-pip-version-check user pre require-hashes outdated no-input force-reinstall only-binary no-build-isolation',
      ),
      longValues: words('requirement constraint format progress-bar timeout retries'),
    },
    refuse: { contains: ['://', '@', ';'] },
  },
  {
    names: ['pytest', 'py.test'],
    source:
      'pytest(1); left out: -p, -c, -o, --rootdir, --basetemp, --pdbcls, --junitxml: they load code or write',
    kind: 'known',
    options: {
      flags: 'qvxsl',
      values: 'kmrn',
      longFlags: words(
        'quiet verbose exitfirst lf last-failed ff failed-first nf new-first sw stepwise co collect-only no-header no-summary showlocals strict-markers version',
      ),
      longValues: words(
        'maxfail tb durations color capture deselect ignore import-mode show-capture timeout',
      ),
      longOptional: words('cov'),
      prefixes: ['-vv', '-r'],
    },
  },
  {
    names: ['tsc'],
    source: 'tsc --help; the project file may name others; left out: options that write elsewhere',
    kind: 'known',
    options: {
      flags: 'pbv',
      words: words(
        '--noEmit --strict --pretty --build --project --incremental --watch=false --skipLibCheck --version --listFiles --showConfig --noEmitOnError',
      ),
    },
  },
  {
    names: ['eslint'],
    source:
      'eslint --help; left out: -c, --rulesdir, --plugin, --parser, -f FILE, -o, --resolve-plugins-relative-to',
    kind: 'known',
    options: {
      longFlags: words('fix fix-dry-run quiet no-color color cache no-inline-config version no-warn-ignored'),
      longValues: words('ext max-warnings'),
    },
  },
  {
    names: ['prettier'],
    source: 'prettier --help; left out: --plugin, --config, --plugin-search-dir, --ignore-path',
    kind: 'known',
    options: {
      flags: 'cwl',
      longFlags: words(
        'check write list-different no-config no-color ignore-unknown single-quote no-semi version',
      ),
      longValues: words('tab-width print-width parser log-level'),
    },
  },
  {
    names: ['gofmt'],
    source: 'gofmt -h; left out: -cpuprofile writes a file',
    kind: 'known',
    options: { words: words('-l -d -w -s -e'), wordValues: ['-r'] },
  },
  {
    names: ['rustfmt'],
    source: 'rustfmt --help; left out: --config, --config-path, --emit',
    kind: 'known',
    options: {
      flags: 'lqv',
      longFlags: words('check quiet verbose version'),
      longValues: words('edition color'),
    },
  },
  {
    names: ['jq', 'gojq'],
    source: 'jq(1): runs nothing; left out: -L and -f load code of jq',
    kind: 'known',
    options: {
      flags: 'cnrRsSjaCMe',
      longFlags: words(
        'compact-output null-input raw-output raw-input slurp sort-keys join-output ascii-output exit-status tab stream seq',
      ),
      longValues: words('indent arg argjson'),
    },
  },
];
