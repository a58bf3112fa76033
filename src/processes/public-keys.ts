import { createHash, createPublicKey } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublicKeys } from '../controls/trace/index.ts';

/**
 * The keys that checkpoints may be signed with, by id: that of this install, and those of installs that it was restored
 * from, which have signed what came before. None before egress made one.
 */
export async function readPublicKeys(keys: string): Promise<PublicKeys> {
  const retired = join(keys, 'retired');
  const names = await readdir(retired).catch(() => []);
  const files = [
    'ledger.pub',
    ...names.filter((name) => name.endsWith('.pub')).map((name) => join('retired', name)),
  ];
  const found = await Promise.all(files.map((name) => readPublicKey(join(keys, name))));
  return Object.assign({}, ...found) as PublicKeys;
}

async function readPublicKey(path: string): Promise<PublicKeys> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch {
    return {};
  }
  const key = createPublicKey(pem);
  const spki = key.export({ type: 'spki', format: 'der' });
  return { [createHash('sha256').update(spki).digest('hex').slice(0, 16)]: pem };
}
