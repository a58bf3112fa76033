import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { chmodSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SigningKey {
  /** First 16 hex digits of the SHA-256 of the public key's SPKI form. */
  readonly keyId: string;
  /** Ed25519 signature in base64. */
  sign(bytes: Uint8Array): string;
}

/**
 * The ledger's Ed25519 key. It is made on the first start, readable by this account only, and never leaves the
 * egress process; `ledger.pub` beside it is what verification needs.
 */
export function openSigningKey(keys: string): SigningKey {
  const path = join(keys, 'ledger.key');
  const key = readKey(path) ?? createKey(keys, path);
  const publicKey = createPublicKey(key);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(spki).digest('hex').slice(0, 16);
  writeFileSync(join(keys, 'ledger.pub'), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  return { keyId, sign: (bytes) => sign(null, bytes, key).toString('base64') };
}

function readKey(path: string): KeyObject | undefined {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  chmodSync(path, 0o600);
  return createPrivateKey(pem);
}

/** Written whole or not at all: a start that is killed half-way leaves no broken key behind (attack 99). */
function createKey(keys: string, path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const draft = join(keys, `ledger.key.${process.pid}`);
  writeFileSync(draft, pem, { mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return privateKey;
}
