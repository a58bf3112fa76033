import { matches } from '../../../kernel/index.ts';

/** Names of files that hold credentials wherever they lie (K5; the usual homes of keys and tokens). */
const CREDENTIAL_NAMES = [
  /^\.env(?:\..+)?$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)$/,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ovpn)$/,
  /^\.(?:npmrc|pypirc|netrc|git-credentials|dockercfg|pgpass|my\.cnf|htpasswd|vault-token)$/,
  /^(?:credentials|secrets?)(?:\.(?:json|ya?ml|toml|ini|env|txt))?$/i,
  /^kubeconfig$/,
];
const CREDENTIAL_FOLDERS = /\/\.(?:aws|azure|kube|docker|gnupg|ssh|config\/gcloud)(?:\/|$)/;
/** Examples that are meant to be read. */
const EXAMPLE = /(?:^|\.)(?:example|sample|template|dist|pub)$/;

/**
 * Whether reading this path makes a session `private` (X9): the operator named it, or its name is one of those that
 * credentials have. A directory counts when a named path lies below it.
 *
 * @param path absolute, normalised, inside the sandbox
 * @param named patterns of the playbook
 */
export function isPrivatePath(path: string, named: readonly string[]): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!EXAMPLE.test(name) && CREDENTIAL_NAMES.some((pattern) => pattern.test(name))) return true;
  if (CREDENTIAL_FOLDERS.test(path)) return true;
  return named.some((pattern) => matches('path', pattern, path) || pattern.startsWith(`${path}/`));
}
