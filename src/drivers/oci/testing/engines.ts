import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PinnedImage } from '../options.ts';

/** A Podman that works on this machine, and what it needs to know. */
export interface TestEngine extends AsyncDisposable {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly image: PinnedImage;
}

const INSTALL = 'apt-get install podman crun uidmap';
const IMAGE = 'localhost/gatehouse-conformance';

/** Debian's own small system, without the network: what every installation of it has. */
const PACKAGES = `base-files bash coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin libc6
  libstdc++6 libgcc-s1 login mawk perl-base procps sed tar util-linux util-linux-extra`;
const ENV = { HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

function has(program: string): boolean {
  return ENV.PATH.split(':').some((folder) => existsSync(join(folder, program)));
}

/**
 * Some machines mount both versions of control groups, which Podman 4 does not take, and some have limits below
 * those that it gives containers. Both are settled here, in a wrapper, and nowhere else.
 */
function wrapper(base: string, program: 'podman' | 'docker'): string {
  const path = join(base, program);
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max processes\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? 'unlimited';
  const most = hard === 'unlimited' ? 32_768 : Math.min(32_768, Number(hard));
  const bounded = `if [ "$1" = run ]; then shift; set -- run --ulimit nproc=${most}:${most} "$@"; fi`;
  // Podman's service takes the profile that Docker's client sends for the name of a file: so the client sends a
  // number, which is both JSON and the name of the profile where the service runs.
  const profile = `for a; do shift; case "$a" in seccomp=*) cp "\${a#seccomp=}" ${base}/7.$$ && mv ${base}/7.$$ ${base}/7 && a=seccomp=${base}/7.json;; esac; set -- "$@" "$a"; done`;
  if (program === 'docker') writeFileSync(join(base, '7.json'), '7');
  const both = program === 'podman' && existsSync('/sys/fs/cgroup/unified/cgroup.procs');
  const run = both
    ? `exec unshare -m sh -c 'umount /sys/fs/cgroup/unified && exec podman "$@"' podman "$@"`
    : `exec ${program} "$@"`;
  writeFileSync(path, `#!/bin/sh\n${bounded}\n${program === 'docker' ? profile : ''}\n${run}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Files of installed packages and the libraries they need, as one tree: about what debootstrap would make. */
function rootTree(base: string): string {
  const root = join(base, 'root');
  for (const name of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'proc',
    'sys',
    'dev',
    'run',
    'opt',
  ])
    mkdirSync(join(root, name), { recursive: true });
  for (const name of ['tmp', 'workspace', 'mnt', 'data']) mkdirSync(join(root, name));
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nagent:x:1000:\n');
  const list = join(base, 'files');
  writeFileSync(list, `${packageFiles().join('\n')}\n`);
  execFileSync('tar', ['-C', '/', '-cf', join(base, 'files.tar'), '--no-recursion', '-T', list], {
    env: ENV,
  });
  execFileSync('tar', ['-C', root, '-xf', join(base, 'files.tar')], { env: ENV });
  return root;
}

function packageFiles(): readonly string[] {
  const packages = PACKAGES.trim().split(/\s+/);
  const installed = execFileSync('dpkg-query', ['-W', '-f', '${Package} ${Status}\n'], {
    env: ENV,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line.endsWith(' installed'))
    .map((line) => line.split(' ')[0] ?? '');
  const libraries = installed.filter((name) =>
    /^lib(acl1|attr1|audit1|blkid1|bz2-1.0|cap2|cap-ng0|crypt1|gcrypt20|gmp10|gpg-error0|lz4-1|lzma5|mount1|pam0g|pcre2-8-0|proc2-0|procps\d*|selinux1|smartcols1|systemd0|tinfo6|udev1|uuid1|zstd1|ncursesw6|readline8)$|^zlib1g$/.test(
      name,
    ),
  );
  const wanted = [...packages.filter((name) => installed.includes(name)), ...libraries];
  const files = execFileSync('dpkg', ['-L', ...wanted], { env: ENV, encoding: 'utf8', maxBuffer: 1 << 26 });
  const merged = files
    .split('\n')
    .filter((path) => /^\/(usr|bin|sbin|lib|lib64)\//.test(path))
    .filter((path) => !/^\/usr\/share\/(doc|man|locale|info|lintian|bug|bash-completion)\//.test(path))
    .map((path) => (path.startsWith('/usr/') ? path : `/usr${path}`));
  return [...new Set(merged)].filter((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat !== undefined && !stat.isDirectory();
  });
}

/** The image of these tests; made once per machine and content, as its name says. */
function conformanceImage(program: string, base: string): PinnedImage {
  const version = execFileSync(
    'dpkg-query',
    ['-W', '-f', '${Package}=${Version} ', 'coreutils', 'perl-base', 'libc6'],
    {
      env: ENV,
      encoding: 'utf8',
    },
  );
  const tag = Buffer.from(`2 ${version}`).toString('hex').slice(0, 100);
  const name = `${IMAGE}:${tag}`;
  const podman = (args: readonly string[]) =>
    execFileSync(program, args, { env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const idOf = () => `sha256:${podman(['image', 'inspect', '--format', '{{.Id}}', name])}`;
  try {
    return { name, id: idOf() };
  } catch {
    const archive = join(base, 'image.tar');
    execFileSync('tar', ['-C', rootTree(base), '-cf', archive, '--owner=0', '--group=0', '.'], { env: ENV });
    podman(['import', '--quiet', archive, name]);
    rmSync(archive);
    return { name, id: idOf() };
  }
}

/** Podman as root, as it is; fails with what to install. */
export function podman(): TestEngine {
  for (const program of ['podman', 'crun', 'conmon'])
    if (!has(program)) throw new Error(`${program} is missing: ${INSTALL}`);
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-podman-'));
  const program = wrapper(base, 'podman');
  const image = conformanceImage(program, base);
  return {
    program,
    env: ENV,
    image,
    async [Symbol.asyncDispose]() {
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/**
 * Docker's own client against a real engine that speaks Docker's API: Podman's service, since no Docker Engine can
 * run everywhere these tests do.
 */
export async function docker(): Promise<TestEngine> {
  if (!has('docker')) throw new Error('docker is missing: apt-get install docker-cli (or docker.io)');
  const engine = podman();
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-docker-'));
  const socket = join(base, 'engine.sock');
  // Ends with this process, however that ends: its input is a pipe from here.
  const script =
    '"$0" system service --time 0 "$1" & service=$!; while read -r _; do :; done; kill $service; wait';
  const service = spawn('/bin/sh', ['-c', script, engine.program, `unix://${socket}`], {
    cwd: base,
    env: ENV,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await untilConnected(socket);
  return {
    program: wrapper(base, 'docker'),
    env: { ...ENV, DOCKER_HOST: `unix://${socket}`, HOME: base },
    image: engine.image,
    async [Symbol.asyncDispose]() {
      service.stdin?.end();
      await once(service, 'close');
      rmSync(base, { recursive: true, force: true });
      await engine[Symbol.asyncDispose]();
    },
  };
}

async function untilConnected(socket: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; ) {
    const open = await new Promise<boolean>((resolve) => {
      const connection = createConnection(socket, () => {
        connection.destroy();
        resolve(true);
      });
      connection.on('error', () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline) throw new Error('the engine did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
