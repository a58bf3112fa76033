// Brings a clone to the point where it runs: locked packages, the pinned Node, and system parts.
// Runs on Node 20 or later and uses nothing that is not part of Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const PINNED_NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');

/** System parts: the binary that shows it is there, and the Debian package that brings it. */
export const RUN_PARTS = [{ binary: 'bwrap', package: 'bubblewrap' }];
export const TEST_PARTS = [
  ...RUN_PARTS,
  { binary: 'openssl', package: 'openssl' },
  { binary: 'git', package: 'git' },
  { binary: 'curl', package: 'curl' },
  { binary: 'python3', package: 'python3' },
  { binary: 'nginx', package: 'nginx-light' },
  { binary: 'sshd', package: 'openssh-server' },
  { binary: 'chromium', package: 'chromium' },
  { binary: 'podman', package: 'podman' },
  { binary: 'crun', package: 'crun' },
  { binary: 'docker', package: 'docker.io' },
  { binary: 'pdftotext', package: 'poppler-utils' },
];

export function onPath(binary) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [...folders, '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, binary), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
}

/** Install exactly what package-lock.json names, once per lock file. */
export function installPackages() {
  const stamp = join(ROOT, 'node_modules', '.gatehouse-lock');
  const wanted = lockHash();
  if (existsSync(PINNED_NODE) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('Installing the locked packages (first run only) ...');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const result = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (result.status !== 0 || !existsSync(PINNED_NODE)) {
    console.error(
      'SETUP_PACKAGES: npm ci did not finish. Check the network or the npm registry, then run it again.',
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** Install missing system parts where we may; returns the ones still missing. */
export function installParts(parts) {
  const missing = () => parts.filter((part) => !onPath(part.binary));
  if (process.platform !== 'linux' || missing().length === 0) return missing();
  const names = [...new Set(missing().map((part) => part.package))];
  const root = process.getuid?.() === 0;
  if (!onPath('apt-get') || (!root && !onPath('sudo'))) return missing();
  console.log(
    `Installing ${names.join(', ')} with apt-get ${root ? '' : '(sudo may ask for your password) '}...`,
  );
  const prefix = root ? [] : ['sudo'];
  const run = (args) => {
    const [command, ...rest] = [...prefix, 'apt-get', '-qq', ...args];
    return spawnSync(command, rest, {
      stdio: root ? ['ignore', 'ignore', 'inherit'] : ['inherit', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  };
  if (run(['install', '-y', '--no-install-recommends', ...names]).status !== 0) {
    run(['update']);
    run(['install', '-y', '--no-install-recommends', ...names]);
  }
  return missing();
}
