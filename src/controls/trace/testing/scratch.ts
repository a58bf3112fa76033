import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openConnection } from '../../../drivers/sqlite/connection.ts';
import type { LedgerEvent } from '../../../kernel/index.ts';
import { createLedger, type LedgerOptions } from '../ledger.ts';
import type { Sign } from '../signer.ts';
import type { LedgerService, VerifyReport } from '../types.ts';
import { verifyLedgerFile } from '../verify.ts';

const KEY_ID = 'ledger-test';

interface Scratch extends Disposable {
  readonly folder: string;
  readonly path: string;
  readonly anchorFile: string;
  readonly raw: DatabaseSync;
  readonly publicKeys: Readonly<Record<string, KeyObject>>;
  readonly sign: Sign;
  /** Milliseconds that the ledger's clock shows. */
  time: number;
  open(options?: Partial<LedgerOptions>): LedgerService;
  /** Prove the file from outside, with its key and anchor. */
  prove(): Promise<VerifyReport>;
}

/** A ledger file of its own with a key of its own, gone at the end of the block. */
export function scratchLedger(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-ledger-'));
  const path = join(folder, 'ledger.db');
  const anchorFile = join(folder, 'ledger.anchor');
  const raw = openConnection(path);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const scratch: Scratch = {
    folder,
    path,
    anchorFile,
    raw,
    publicKeys: { [KEY_ID]: publicKey },
    sign: async (bytes) => ({ keyId: KEY_ID, signature: sign(null, bytes, privateKey).toString('base64') }),
    time: 1_800_000_000_000,
    open: (options = {}) =>
      createLedger({
        raw,
        writer: 'gateway',
        clock: { now: () => scratch.time },
        redact: (text) => text,
        sign: scratch.sign,
        publicKeys: () => scratch.publicKeys,
        anchorFile,
        ...options,
      }),
    prove: () => verifyLedgerFile({ path, anchorFile, publicKeys: scratch.publicKeys }),
    [Symbol.dispose]: () => {
      if (raw.isOpen) raw.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return scratch;
}

/** An ordinary event, different for each number. */
export function event(number: number): LedgerEvent {
  return {
    type: 'tool',
    action: 'tool.started',
    outcome: 'allow',
    rule: `playbook:tools/${number % 3}`,
    subject: { principal: 'local', agent: 'main', session: 'agent:main:main', run: `run-${number}` },
    trace: `trace-${number % 5}`,
    data: { number, note: 'é\u{1F600}' },
  };
}

export const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
