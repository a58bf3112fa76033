import { lstatSync } from 'node:fs';
import type { RunSpec } from '../../kernel/index.ts';
import { INSIDE } from './places.ts';

/** Where programs look that have not been told where to look. */
const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** Every name under which a program is told which authorities to trust. */
const VARIABLES = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'CARGO_HTTP_CAINFO',
  'AWS_CA_BUNDLE',
  'DENO_CERT',
];

/** The system's bundles that exist on this machine as plain files. */
export function systemBundles(): readonly string[] {
  return SYSTEM_BUNDLES.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** What makes programs trust the authority that ends TLS of this run in egress. */
export function trustEnvironment({
  trustBundle,
  egressSocket,
}: Pick<RunSpec, 'trustBundle' | 'egressSocket'>): readonly (readonly [string, string])[] {
  if (trustBundle === undefined || egressSocket === undefined) return [];
  return VARIABLES.map((name) => [name, INSIDE.trust] as const);
}
