import type { PublicKeys } from './checkpoint.ts';
import { keyIdOf } from './evidence/dsse.ts';

/** Public keys in PEM by the id under which the ledger names them. @throws when one is no key */
export function ledgerKeys(keys: readonly string[]): PublicKeys {
  return Object.fromEntries(keys.map((pem) => [keyIdOf(pem), pem]));
}
