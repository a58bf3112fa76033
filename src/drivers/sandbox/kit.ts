import { createHash, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SANDBOX_CODES } from './codes.ts';
import { filterBytes } from './seccomp/filter.ts';
import type { Architecture } from './seccomp/numbers.ts';

/** Files that every run needs, written once and bound read-only. */
export interface Kit {
  /** The compiled system call filter. */
  readonly filter: string;
  /** Becomes /etc. */
  readonly etc: string;
  /** Becomes /opt/gatehouse. */
  readonly tools: string;
  /** Host files that are bound over the kit's /etc: tables that the host's package manager keeps. */
  readonly hostEtc: readonly string[];
  readonly certificates: readonly string[];
}

/** /etc as a run sees it: one user, no resolver, nothing of the host's accounts and networks. */
const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: 'agent:x:1000:1000:agent:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  group: 'agent:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  hostname: 'sandbox\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
  'resolv.conf': '# Names are resolved by the egress process only.\noptions timeout:1 attempts:1\n',
};

/** The loader's tables and OpenSSL's defaults: copied, as every mount costs each run time. */
const COPIED_ETC = ['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/ssl/openssl.cnf'];

/** Host directories that are bound as they are: Debian's alternatives. */
const HOST_ETC = ['/etc/alternatives'];

/** Public certificates. */
const CERTIFICATES = ['/etc/ssl/certs', '/etc/pki/tls/certs', '/etc/pki/ca-trust/extracted'];

/** Host programs that are bound over empty files in the tools directory. */
const TOOL_MOUNT_POINTS = ['node', 'prlimit'];

/**
 * Make the kit below `workDir`, or find the one an earlier process made of the same contents. Its name is
 * the digest of what it holds, and it appears in one rename, so a half-written kit is never used.
 */
export function prepareKit(workDir: string, insideDir: string, architecture: Architecture): Kit {
  const filter = filterBytes(architecture);
  const hostEtc = HOST_ETC.filter((path) => existsSync(path));
  const certificates = CERTIFICATES.filter((path) => existsSync(path));
  const copied = COPIED_ETC.filter((path) => existsSync(path));
  const digest = createHash('sha256').update(filter);
  digest.update(JSON.stringify([ETC_FILES, copied, hostEtc, certificates]));
  for (const path of copied) if (statSync(path).isFile()) digest.update(readFileSync(path));
  for (const script of scripts(insideDir)) digest.update(script).update(readFileSync(script));
  const root = join(workDir, `kit-${digest.digest('hex').slice(0, 16)}`);
  if (!existsSync(root))
    build(root, insideDir, filter, {
      copied,
      mountPoints: [...hostEtc, ...certificates],
    });
  const at = (name: string) => join(root, name);
  return { filter: at('filter.bpf'), etc: at('etc'), tools: at('tools'), hostEtc, certificates };
}

function build(
  root: string,
  insideDir: string,
  filter: Uint8Array,
  etc: { readonly copied: readonly string[]; readonly mountPoints: readonly string[] },
): void {
  const making = `${root}.${randomUUID()}`;
  try {
    mkdirSync(join(making, 'etc'), { recursive: true, mode: 0o700 });
    mkdirSync(join(making, 'tools'), { mode: 0o755 });
    writeFileSync(join(making, 'filter.bpf'), filter, { mode: 0o400 });
    for (const [name, text] of Object.entries(ETC_FILES)) writeFileSync(join(making, 'etc', name), text);
    for (const path of etc.copied) cpSync(path, join(making, path), { recursive: true, dereference: true });
    for (const path of etc.mountPoints) placeholder(join(making, path), statSync(path).isDirectory());
    for (const name of TOOL_MOUNT_POINTS) placeholder(join(making, 'tools', name), false);
    stageScripts(insideDir, join(making, 'tools'));
    renameSync(making, root);
  } catch (cause) {
    rmSync(making, { recursive: true, force: true });
    // Another process may have made the same kit in the meantime.
    if (!existsSync(root))
      throw SANDBOX_CODES.error(
        'SANDBOX_UNAVAILABLE',
        'the files that a sandbox needs could not be written',
        {
          fix: `Make sure that ${dirname(root)} exists, is yours and has space.`,
          cause,
        },
      );
  }
}

function placeholder(path: string, directory: boolean): void {
  mkdirSync(directory ? path : dirname(path), { recursive: true });
  if (!directory) writeFileSync(path, '');
}

function scripts(insideDir: string): readonly string[] {
  return readdirSync(insideDir)
    .filter((name) => /\.(?:ts|mjs)$/.test(name) && !name.includes('.test.'))
    .sort()
    .map((name) => join(insideDir, name));
}

/**
 * Inside they are always called `.mjs`. Sources get a one-line module of that name, so that Node strips
 * their types itself.
 */
function stageScripts(insideDir: string, tools: string): void {
  for (const script of scripts(insideDir)) {
    const name = basename(script);
    cpSync(script, join(tools, name));
    if (!name.endsWith('.ts')) continue;
    writeFileSync(join(tools, name.replace(/\.ts$/, '.mjs')), `import './${name}';\n`);
    writeFileSync(join(tools, 'package.json'), '{"type":"module"}\n');
  }
}
