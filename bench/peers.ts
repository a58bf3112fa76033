import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The search path of whatever is measured: this checkout's Node first. */
export const PEER_PATH = `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH']}`;

/** Folder of a package from npm, installed once below bench/peers, which git ignores. */
export function installPeer(name: string, version: string): string {
  const folder = join(ROOT, 'bench', 'peers', name.replace(/^.*\//, ''));
  const installed = join(folder, 'node_modules', name);
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`], {
      cwd: folder,
      env: { ...process.env, PATH: PEER_PATH },
      stdio: 'inherit',
    });
  }
  return folder;
}

/** What is used of `@anthropic-ai/sandbox-runtime` (https://github.com/anthropic-experimental/sandbox-runtime). */
export interface SandboxRuntime {
  initialize(config: object): Promise<void>;
  wrapWithSandbox(command: string): Promise<string>;
  getProxyPort(): number | undefined;
  getProxyAuthToken?(): string | undefined;
  reset(): Promise<void>;
}

/** Anthropic's sandbox runtime as a library, the way its README uses it. */
export async function sandboxRuntime(): Promise<SandboxRuntime> {
  const name = '@anthropic-ai/sandbox-runtime';
  const folder = join(installPeer(name, '0.0.83'), 'node_modules', name);
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly exports?: { readonly '.'?: { readonly import?: string } };
  };
  const entry = join(folder, exports?.['.']?.import ?? 'dist/index.js');
  const { SandboxManager } = (await import(pathToFileURL(entry).href)) as {
    readonly SandboxManager: SandboxRuntime;
  };
  return SandboxManager;
}
