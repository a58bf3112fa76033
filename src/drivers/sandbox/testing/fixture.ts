import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
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

const MIB = 1024 * 1024;

export const LIMITS: SandboxLimits = {
  memoryBytes: 512 * MIB,
  processes: 64,
  fileBytes: 64 * MIB,
  tmpBytes: 64 * MIB,
  wallMs: 60_000,
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

/** Places that every backend is given. */
export interface Places {
  readonly workDir: string;
  readonly forbidden: readonly string[];
  readonly userHome: string;
  readonly insideDir: string;
}

const INSIDE_DIR = join(import.meta.dirname, '../../bubblewrap/inside');

/** A workspace of its own in a temporary directory, and runs on it; removed at the end of the `using` block. */
export class SandboxFixture implements Disposable {
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), 'gatehouse-sandbox-')));
  readonly workspace = join(this.base, 'workspace');
  readonly secrets = join(this.base, 'secrets');
  readonly places: Places;
  readonly sandbox: Sandbox;

  constructor(create: (places: Places) => Sandbox) {
    const workDir = join(this.base, 'work');
    for (const path of [this.workspace, this.secrets, workDir]) mkdirSync(path, { mode: 0o700 });
    this.places = {
      workDir,
      forbidden: [this.secrets],
      userHome: join(this.base, 'home'),
      insideDir: INSIDE_DIR,
    };
    this.sandbox = create(this.places);
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

  perl(script: string, args: readonly string[] = [], change: RunChange = {}): Promise<Outcome> {
    return this.run(['/usr/bin/perl', '-e', script, ...args], change);
  }

  [Symbol.dispose](): void {
    rmSync(this.base, { recursive: true, force: true });
  }
}
