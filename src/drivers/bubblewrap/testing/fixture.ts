import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Mount,
  RunObserver,
  RunResult,
  RunSpec,
  Sandbox,
  SandboxLimits,
} from '../../../kernel/index.ts';
import { type BubblewrapOptions, createBubblewrapSandbox } from '../index.ts';

const MIB = 1024 * 1024;

export const LIMITS: SandboxLimits = {
  memoryBytes: 512 * MIB,
  processes: 64,
  fileBytes: 64 * MIB,
  tmpBytes: 64 * MIB,
  wallMs: 20_000,
  cpuSeconds: 10,
  outputBytes: 256 * 1024,
  openFiles: 256,
};

export interface Outcome extends RunResult {
  readonly out: string;
  readonly err: string;
}

export interface RunChange extends Partial<Omit<RunSpec, 'limits' | 'argv'>> {
  readonly limits?: Partial<SandboxLimits>;
  readonly signal?: AbortSignal;
  readonly observer?: RunObserver;
}

/** A sandbox with a workspace of its own in a temporary directory, removed at the end of the `using` block. */
export class Fixture implements Disposable {
  readonly base = mkdtempSync(join(tmpdir(), 'gatehouse-sandbox-'));
  readonly workspace = join(this.base, 'workspace');
  readonly secrets = join(this.base, 'secrets');
  readonly options: BubblewrapOptions;
  readonly sandbox: Sandbox;

  constructor(options: Partial<BubblewrapOptions> = {}) {
    const workDir = join(this.base, 'work');
    for (const path of [this.workspace, this.secrets, workDir]) mkdirSync(path, { mode: 0o700 });
    this.options = {
      workDir,
      forbidden: [this.secrets],
      insideDir: join(import.meta.dirname, '../inside'),
      userHome: join(this.base, 'home'),
      ...options,
    };
    this.sandbox = createBubblewrapSandbox(this.options);
  }

  get mount(): Mount {
    return { source: this.workspace, target: '/workspace', mode: 'rw' };
  }

  spec(argv: readonly [string, ...string[]], change: RunChange = {}): RunSpec {
    const { limits, signal: _signal, observer: _observer, ...rest } = change;
    return {
      runId: 'test',
      scope: 'test',
      argv,
      cwd: '/workspace',
      env: {},
      mounts: [this.mount],
      ...rest,
      limits: { ...LIMITS, ...limits },
    };
  }

  async run(argv: readonly [string, ...string[]], change: RunChange = {}): Promise<Outcome> {
    const signal = change.signal ?? new AbortController().signal;
    const result = await this.sandbox.run(this.spec(argv, change), signal, change.observer);
    return {
      ...result,
      out: Buffer.from(result.stdout).toString('utf8'),
      err: Buffer.from(result.stderr).toString('utf8'),
    };
  }

  sh(script: string, change: RunChange = {}): Promise<Outcome> {
    return this.run(['/bin/sh', '-c', script], change);
  }

  [Symbol.dispose](): void {
    rmSync(this.base, { recursive: true, force: true });
  }
}
