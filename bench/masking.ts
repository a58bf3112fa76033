import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBubblewrapSandbox } from '../src/drivers/bubblewrap/index.ts';
import type { Sandbox } from '../src/kernel/index.ts';
import { createMaskerClient } from '../src/processes/masking/client.ts';
import { maskedSandbox } from '../src/processes/masking/sandbox.ts';
import { UntouchedFiles } from '../src/processes/masking/untouched.ts';
import { median } from './measure.ts';
import { trueIn } from './sandbox.ts';

const FOLDERS = 500;
const FILES_PER_FOLDER = 20;
const ROUNDS = 40;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A sandboxed `true` on an unchanged tree of 10,000 files with one `.env`, with masking and without it. */
export async function benchMasking(): Promise<Record<string, number>> {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const workspace = join(base, 'workspace');
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    mkdirSync(join(workspace, `d${folder}`), { recursive: true });
    for (let file = 0; file < FILES_PER_FOLDER; file += 1)
      writeFileSync(join(workspace, `d${folder}`, `f${file}.ts`), `export const x = ${file};\n`.repeat(40));
  }
  writeFileSync(join(workspace, '.env'), 'DB_PASSWORD=hunter2-Battery9\n');
  mkdirSync(join(base, 'work'));
  const plain = createBubblewrapSandbox({
    workDir: join(base, 'work'),
    forbidden: [],
    insideDir: join(import.meta.dirname, '../src/drivers/bubblewrap/inside'),
    userHome: homedir(),
  });
  const root = join(import.meta.dirname, '..');
  process.env['GATEHOUSE_HOME'] = base;
  const program = { root, entry: join(root, 'bin', 'gatehouse.mjs'), version: '0' };
  const masker = createMaskerClient({ program, state: join(base, 'state'), logger: QUIET });
  const ledger = { append: async () => ({ writer: 'bench', seq: 0, hash: '' }) };
  const alerts = { raise: () => undefined };
  const masked = maskedSandbox(plain, {
    masker,
    alerts,
    ledger,
    logger: QUIET,
    untouched: new UntouchedFiles(),
  });
  let runs = 0;
  const once = async (sandbox: Sandbox): Promise<number> => {
    const spec = trueIn(workspace, `bench-${(runs += 1)}`);
    const since = performance.now();
    await sandbox.run(spec, new AbortController().signal);
    return performance.now() - since;
  };
  try {
    const first = await once(masked);
    const without: number[] = [];
    const withMasks: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      without.push(await once(plain));
      withMasks.push(await once(masked));
    }
    return {
      'first run, everything looked at, ms': first,
      'run without masking, ms': median(without),
      'run with masking, unchanged tree, ms': median(withMasks),
      'ratio (aim below 1.5)': median(withMasks) / median(without),
    };
  } finally {
    masker.stop();
    rmSync(base, { recursive: true, force: true });
  }
}
