import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { startGateway } from '../test/fixtures/gateway.ts';
import { operate } from '../test/fixtures/operator.ts';
import { median } from './measure.ts';

const ROUNDS = 5;
/** Packages of a middling project, from what this checkout has installed. */
const PACKAGES = 60;
const TEST_FILES = 12;
const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));
const COMMAND = 'npm ci --no-audit --no-fund --loglevel=error && npm test > test.log';
/** Debian's own, which runs see too. */
const OUTSIDE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Archive {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
  readonly integrity: string;
}

/** Installed packages without code for one platform, packed again as a registry would serve them. */
function archives(folder: string): readonly Archive[] {
  const found: Archive[] = [];
  for (const name of readdirSync(MODULES)) {
    if (found.length >= PACKAGES) break;
    if (name.startsWith('.') || name.startsWith('@') || name === 'node' || name === 'npm') continue;
    const { version, os, scripts } = JSON.parse(
      readFileSync(join(MODULES, name, 'package.json'), 'utf8'),
    ) as { readonly version: string; readonly os?: unknown; readonly scripts?: Record<string, string> };
    if (os !== undefined || scripts?.['install'] !== undefined || scripts?.['postinstall'] !== undefined)
      continue;
    const file = join(folder, `${name}.tgz`);
    const renamed = `--transform=s,^${name.replaceAll('.', '\\.')},package,`;
    execFileSync('tar', ['-czf', file, '--exclude=node_modules', renamed, '-C', MODULES, name]);
    const bytes = readFileSync(file);
    if (bytes.length > 400_000) continue;
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    found.push({ name, version, bytes, integrity });
  }
  return found;
}

const TEST = `const { test } = require('node:test');
const { createHash } = require('node:crypto');
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
test('reads, hashes and writes', () => {
  let hash = '';
  for (const name of readdirSync('node_modules').filter((one) => !one.startsWith('.')).slice(0, 20)) {
    const text = readFileSync(join('node_modules', name, 'package.json'));
    for (let i = 0; i < 300; i += 1) hash = createHash('sha256').update(text).update(hash).digest('hex');
  }
  for (let i = 0; i < 40; i += 1) writeFileSync(__filename + '.out', hash + i);
});
`;

function writeProject(folder: string, registry: string, packed: readonly Archive[]): void {
  const own = {
    name: 'middling',
    version: '1.0.0',
    dependencies: Object.fromEntries(packed.map(({ name, version }) => [name, version])),
  };
  const packages = Object.fromEntries(
    packed.map(({ name, version, integrity }) => [
      `node_modules/${name}`,
      { version, resolved: `${registry}/${name}/-/${name}.tgz`, integrity },
    ]),
  );
  const lock = { name: 'middling', version: '1.0.0', lockfileVersion: 3, packages: { '': own, ...packages } };
  const cache = 'cache=.npm-cache\n';
  mkdirSync(join(folder, 'test'), { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ ...own, scripts: { test: 'node --test test' } }),
  );
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(folder, '.npmrc'), `registry=${registry}/\n${cache}`);
  for (let i = 0; i < TEST_FILES; i += 1) writeFileSync(join(folder, 'test', `case-${i}.test.js`), TEST);
}

function clean(folder: string): void {
  for (const name of ['node_modules', '.npm-cache'])
    rmSync(join(folder, name), { recursive: true, force: true });
}

async function outside(folder: string): Promise<void> {
  const env = { PATH: OUTSIDE_PATH, HOME: folder };
  const child = spawn('sh', ['-c', COMMAND], { cwd: folder, env, stdio: 'ignore' });
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`outside: ${child.exitCode}`);
}

/** The shipped playbook of developers with this registry in place of the internet's, and one workspace that is kept. */
function playbook(port: number): string {
  const path = fileURLToPath(new URL('../playbooks/dev-assistant.yaml', import.meta.url));
  const shipped = parse(readFileSync(path, 'utf8')) as {
    readonly files: Readonly<Record<string, unknown>>;
  };
  const { ephemeral: _, ...files } = shipped.files;
  const registry = { host: '127.0.0.1', port, protocol: 'http', class: 'artifact', reason: 'bench' };
  const egress = [{ ...registry, networks: ['127.0.0.0/8'] }];
  return stringify({ ...shipped, playbook: 'middling', files, egress });
}

/** `npm ci && npm test` of a project with 60 packages from a local registry: in the sandbox, and outside of it. */
export async function benchHonest(): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'));
  const packed = archives(folder);
  const served = new Map(packed.map((one) => [`/${one.name}/-/${one.name}.tgz`, one.bytes]));
  const server = createServer((request, response) => {
    const bytes = served.get(request.url ?? '');
    if (bytes === undefined) response.statusCode = 404;
    response.end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const registry = `http://127.0.0.1:${port}`;
  const gateway = await startGateway({
    playbooks: { middling: playbook(port) },
    config: { agents: { entries: { main: { playbook: 'middling' } } } },
  });
  try {
    const host = join(folder, 'outside');
    mkdirSync(host);
    writeProject(host, registry, packed);
    const workspace = join(gateway.home, 'workspaces', 'main');
    writeProject(workspace, registry, packed);
    const times = { outside: [] as number[], inside: [] as number[] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [way, run] of [
        ['outside', () => outside(host)],
        ['inside', () => inside(gateway.home)],
      ] as const) {
        clean(way === 'outside' ? host : workspace);
        const started = performance.now();
        await run();
        if (round > 0) times[way].push(performance.now() - started);
      }
    }
    return {
      'outside, ms': median(times.outside),
      'inside, ms': median(times.inside),
      'inside / outside': median(times.inside.map((ms, i) => ms / (times.outside[i] ?? Number.NaN))),
    };
  } finally {
    await gateway[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inside(home: string): Promise<void> {
  const { ok, error, result } = await operate(home, 'sandbox.exec', { command: COMMAND });
  if (!ok) throw new Error(`inside: ${error?.code} ${error?.message}`);
  if (result['isError'] === true) throw new Error(`inside: ${JSON.stringify(result)}`);
}

if (import.meta.main) console.log(await benchHonest());
