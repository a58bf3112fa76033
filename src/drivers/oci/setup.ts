import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageBuilder, ImagePlan, ImageRequest } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { findProgram } from '../sandbox/find-program.ts';
import { SYSTEM_PROGRAM_DIRS } from '../sandbox/places.ts';
import { Engine } from './engine.ts';
import { recordedImage, recordImage } from './images.ts';
import type { EngineName } from './options.ts';

/** What commands of an agent usually are. */
const PACKAGES = [
  'ca-certificates',
  'curl',
  'file',
  'git',
  'jq',
  'less',
  'make',
  'patch',
  'procps',
  'python3',
  'ripgrep',
  'xz-utils',
];
const SUITE = 'bookworm';
const MIRROR = 'http://deb.debian.org/debian';
const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]{1,60}$/;
/** Milliseconds for the whole: a slow mirror is slow, a dead one is not waited for all night. */
const BUILD_MS = 30 * 60_000;
const MESSAGE_CHARS = 4_000;

export interface BuilderOptions {
  /** Directory for what is being built; kept until it is imported, so that a second try goes on from there. */
  readonly stage: string;
  /** Where the result is written down. */
  readonly record: string;
  readonly env: Readonly<Record<string, string>>;
  readonly now: () => number;
  readonly programDirs?: readonly string[];
  /** The engine's program; looked for in the system's directories unless said. */
  readonly program?: string;
}

/** Builds the image of a container backend from Debian packages, or from an archive, without any registry. */
export function createImageBuilder(options: BuilderOptions): ImageBuilder {
  const plan = async (request: ImageRequest): Promise<ImagePlan> => planOf(options, request);
  const build = async (request: ImageRequest, signal: AbortSignal) => {
    const planned = await planOf(options, request);
    const { backend, name, suite, packages, ready } = planned;
    if (ready !== null) return { name, id: ready };
    const engine = engineOf(options, backend);
    const archive = request.archive ?? (await debian(options, planned, signal));
    const id = await imported(engine, archive, name);
    const builtAt = new Date(options.now()).toISOString();
    recordImage(options.record, backend, { name, id, suite, packages, builtAt });
    rmSync(stageOf(options, planned), { recursive: true, force: true });
    return { name, id };
  };
  return { plan, build, recorded: (backend) => recordedImage(options.record, backend) };
}

function engineName(backend: string): EngineName {
  if (backend === 'podman' || backend === 'docker') return backend;
  throw SANDBOX_CODES.error('SANDBOX_SETUP_REFUSED', `the backend ${backend} needs no image`, {
    fix: 'Name podman or docker. The bubblewrap backend uses the programs of this machine.',
  });
}

function engineOf(options: BuilderOptions, backend: string): Engine {
  const name = engineName(backend);
  const program = options.program ?? findProgram(name, options.programDirs ?? SYSTEM_PROGRAM_DIRS);
  if (program === undefined)
    throw SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', `${name} is not installed`, {
      fix: `Install it (\`apt-get install ${name === 'podman' ? 'podman crun uidmap' : 'docker.io'}\`), then run this again.`,
    });
  return new Engine(name, program, options.env);
}

function wantedPackages({ packages = [] }: ImageRequest): readonly string[] {
  const bad = packages.find((name) => !PACKAGE_NAME.test(name));
  if (bad !== undefined)
    throw SANDBOX_CODES.error(
      'SANDBOX_SETUP_REFUSED',
      `${JSON.stringify(bad)} is not the name of a Debian package`,
      {
        fix: 'Write package names as apt does, separated by commas.',
      },
    );
  return [...new Set([...PACKAGES, ...packages])].sort();
}

async function planOf(options: BuilderOptions, request: ImageRequest): Promise<ImagePlan> {
  const { backend, archive } = request;
  const engine = engineOf(options, backend);
  const packages = archive === undefined ? wantedPackages(request) : [];
  const suite = archive === undefined ? SUITE : 'archive';
  const tag = createHash('sha256')
    .update(JSON.stringify([suite, packages, archive ?? null]))
    .digest('hex')
    .slice(0, 12);
  const name = `localhost/gatehouse-sandbox:${suite}-${tag}`;
  const recorded = recordedImage(options.record, backend);
  const same = archive === undefined && recorded?.name === name;
  const present = same && (await engine.ask(['image', 'inspect', '--format', '{{.Id}}', recorded.id])).ok;
  const make =
    archive === undefined
      ? [
          `debootstrap ${suite} from ${MIRROR} into ${options.stage}, with ${packages.join(', ')} (needs root, about 300 MB, a minute or two)`,
          'pack it as a tar archive',
        ]
      : [`take ${archive} as it is`];
  return {
    backend,
    name,
    suite,
    packages,
    steps: [
      ...make,
      `${engine.name} import it as ${name}`,
      `write its digest into ${options.record}`,
      'remove what was staged',
    ],
    ready: present ? recorded.id : null,
  };
}

function stageOf(options: BuilderOptions, plan: ImagePlan): string {
  return join(options.stage, plan.name.replace(/^.*:/, ''));
}

/** The archive of a root file system, made in steps of which each is either done or not there. */
async function debian(options: BuilderOptions, plan: ImagePlan, signal: AbortSignal): Promise<string> {
  const stage = stageOf(options, plan);
  const archive = join(stage, 'image.tar');
  if (existsSync(archive)) return archive;
  const include = plan.packages.join(',');
  const byHand = `sudo debootstrap --variant=minbase --include=${include} ${plan.suite} /tmp/image ${MIRROR} && sudo tar -C /tmp/image -cf image.tar . && gatehouse sandbox setup --backend ${plan.backend} --archive "$PWD/image.tar" --apply`;
  const debootstrap = findProgram('debootstrap', options.programDirs ?? SYSTEM_PROGRAM_DIRS);
  if (debootstrap === undefined)
    throw SANDBOX_CODES.error('SANDBOX_SETUP_REFUSED', 'debootstrap is not installed', {
      fix: `Install it (\`apt-get install debootstrap\`, \`dnf install debootstrap\`), or make an archive elsewhere: ${byHand}`,
    });
  if (process.getuid?.() !== 0)
    throw SANDBOX_CODES.error(
      'SANDBOX_SETUP_REFUSED',
      'debootstrap makes a system with several owners, which only root can',
      {
        fix: `Make the archive as root and hand it over: ${byHand}`,
      },
    );
  mkdirSync(stage, { recursive: true, mode: 0o700 });
  const [making, root] = [join(stage, 'making'), join(stage, 'root')];
  if (!existsSync(root)) {
    rmSync(making, { recursive: true, force: true });
    const args = ['--variant=minbase', `--include=${include}`, plan.suite, making, MIRROR];
    await command(
      debootstrap,
      args,
      signal,
      `See ${join(making, 'debootstrap/debootstrap.log')}; when the mirror cannot be reached from here: ${byHand}`,
    );
    finish(making);
    renameSync(making, root);
  }
  await command(
    '/usr/bin/tar',
    ['-C', root, '--numeric-owner', '-cf', `${archive}.part`, '.'],
    signal,
    'Make room on this disk.',
  );
  renameSync(`${archive}.part`, archive);
  return archive;
}

/** One user for runs, and nothing that only an installed system needs. */
function finish(root: string): void {
  for (const path of [
    'var/cache/apt/archives',
    'var/lib/apt/lists',
    'usr/share/doc',
    'usr/share/man',
    'var/log',
  ])
    rmSync(join(root, path), { recursive: true, force: true });
  for (const path of ['workspace', 'mnt', 'data', 'opt/gatehouse', 'run/gatehouse'])
    mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n');
  for (const name of ['hosts', 'resolv.conf', 'hostname']) writeFileSync(join(root, 'etc', name), '');
}

async function imported(engine: Engine, archive: string, name: string): Promise<string> {
  const answer = await engine.ask(['import', archive, name], BUILD_MS);
  const found = answer.ok ? await engine.ask(['image', 'inspect', '--format', '{{.Id}}', name]) : answer;
  const id = found.out.trim().replace(/^(?:sha256:)?/, 'sha256:');
  if (!found.ok || !/^sha256:[0-9a-f]{64}$/.test(id))
    throw SANDBOX_CODES.error('SANDBOX_SETUP_FAILED', `${engine.name} did not take the image`, {
      fix: `Look at what it says: ${found.err.trim().slice(-500)}`,
      cause: new Error(found.err),
    });
  return id;
}

function command(program: string, args: readonly string[], signal: AbortSignal, fix: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };
    const child = spawn(program, args, {
      env,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      timeout: BUILD_MS,
    });
    let said = '';
    const keep = (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-MESSAGE_CHARS);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const failed = (cause: Error) =>
      reject(
        SANDBOX_CODES.error(
          'SANDBOX_SETUP_FAILED',
          `${program} failed: ${said.trim().split('\n').at(-1) ?? ''}`,
          { fix, cause },
        ),
      );
    child.on('error', failed);
    child.on('close', (code) => (code === 0 ? resolve() : failed(new Error(said))));
  });
}
