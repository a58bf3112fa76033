import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GatehouseError, type Ledger, type LedgerEvent } from '../../kernel/index.ts';
import type { ConfigIssue, ConfigPaths } from '../types.ts';

/** A home of its own that goes away with its scope. */
export interface TestHome extends Disposable {
  readonly paths: ConfigPaths;
  readonly userHome: string;
  write(name: string, content: string | Uint8Array): string;
}

export function testHome(config?: string | Uint8Array): TestHome {
  const userHome = realpathSync(mkdtempSync(join(tmpdir(), 'gh-config-')));
  const home = join(userHome, '.gatehouse');
  const paths = {
    home,
    config: join(home, 'gatehouse.json'),
    playbooks: join(home, 'playbooks'),
    policy: join(home, 'policy'),
    workspaces: join(home, 'workspaces'),
  };
  for (const folder of [home, paths.playbooks, paths.workspaces]) mkdirSync(folder);
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  if (config !== undefined) write('gatehouse.json', config);
  return {
    paths,
    userHome,
    write,
    [Symbol.dispose]: () => rmSync(userHome, { recursive: true, force: true }),
  };
}

/** The issues of a refusal; fails the test when there was none, or another error. */
export async function refused(work: Promise<unknown>): Promise<readonly ConfigIssue[]> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof GatehouseError && thrown.code === 'CONFIG_INVALID') {
      return thrown.details['issues'] as readonly ConfigIssue[];
    }
    throw thrown;
  }
  throw new Error('expected CONFIG_INVALID, but it was accepted');
}

export interface FakeLedger extends Ledger {
  readonly events: LedgerEvent[];
  failing: boolean;
}

export function fakeLedger(): FakeLedger {
  const ledger: FakeLedger = {
    events: [],
    failing: false,
    async append(event) {
      if (ledger.failing) throw new GatehouseError('LEDGER_UNAVAILABLE', 'the disk is full');
      ledger.events.push(event);
      return { writer: 'test', seq: ledger.events.length, hash: '' };
    },
  };
  return ledger;
}

/** 2026-06-01, a day on which nothing that is shipped is due. */
export const NOW = Date.UTC(2026, 5, 1);
