import { createHash, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublicKeys } from '../controls/trace/index.ts';

/** The key that checkpoints are signed with, by its id; none before egress made one. */
export async function readPublicKeys(keys: string): Promise<PublicKeys> {
  let pem: string;
  try {
    pem = await readFile(join(keys, 'ledger.pub'), 'utf8');
  } catch {
    return {};
  }
  const key = createPublicKey(pem);
  const spki = key.export({ type: 'spki', format: 'der' });
  return { [createHash('sha256').update(spki).digest('hex').slice(0, 16)]: pem };
}
