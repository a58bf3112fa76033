import { grouped } from './own-rules.ts';
import type { Credential } from './types.ts';

interface KnownFile {
  readonly path: RegExp;
  readonly rule: string;
  /** Whether a key that names a credential is enough for its value to be one. */
  readonly settings: boolean;
  readonly patterns: readonly RegExp[];
}

/** Files of which the place of the credential is known. Group 1 is the value. */
const KNOWN: readonly KnownFile[] = [
  { path: /(?:^|\/)\.env(?:\.[\w.-]{1,40})?$|\.env$/, rule: 'dotenv', settings: true, patterns: [] },
  {
    path: /(?:^|\/)\.?npmrc$|(?:^|\/)\.yarnrc(?:\.yml)?$/,
    rule: 'npmrc',
    settings: true,
    patterns: [
      /(?:_auth|_authToken|_password|npmAuthToken|npmAuthIdent)["']?[ \t]*[=:][ \t]*["']?([^\s"'$]{4,4096})/dg,
    ],
  },
  {
    path: /(?:^|\/)[._]netrc(?:\.gpg)?$/,
    rule: 'netrc',
    settings: true,
    patterns: [/(?:^|\s)(?:password|account)\s{1,8}([^\s]{1,1024})/dg],
  },
  {
    path: /(?:^|\/)\.pypirc$|(?:^|\/)pip\.conf$/,
    rule: 'pypirc',
    settings: true,
    patterns: [/^[ \t]*password[ \t]*[:=][ \t]*(\S{1,4096})/dgm],
  },
  {
    path: /(?:^|\/)\.pgpass$/,
    rule: 'pgpass',
    settings: false,
    patterns: [/^(?!#)[^:\n]{0,255}:[^:\n]{0,16}:[^:\n]{0,255}:[^:\n]{0,255}:([^\n]{1,1024})$/dgm],
  },
  {
    path: /(?:^|\/)\.git-credentials$/,
    rule: 'git-credentials',
    settings: false,
    patterns: [/^[a-z]{2,8}:\/\/[^:@\s]{0,256}:([^@\s]{1,1024})@/dgm],
  },
  {
    path: /(?:^|\/)(?:\.docker\/config\.json|\.dockercfg|\.dockerconfigjson|auth\.json)$/,
    rule: 'docker-config',
    settings: true,
    patterns: [/"(?:auth|identitytoken|registrytoken|password)"\s{0,8}:\s{0,8}"([^"\s]{4,8192})"/dg],
  },
  {
    path: /(?:^|\/)(?:\.kube\/config|kubeconfig(?:\.ya?ml)?|[\w.-]{1,64}\.kubeconfig)$/,
    rule: 'kubeconfig',
    settings: true,
    patterns: [
      /(?:client-key-data|token|password|id-token|refresh-token)["']?[ \t]*:[ \t]*["']?([^\s"']{4,16384})/dg,
    ],
  },
  {
    path: /(?:^|\/)\.aws\/(?:credentials|config)$/,
    rule: 'aws-credentials',
    settings: true,
    patterns: [/aws_(?:secret_access_key|session_token)[ \t]*=[ \t]*(\S{8,4096})/dg],
  },
  {
    path: /(?:^|\/)(?:application_default_credentials|service[-_]?account[\w.-]{0,64}|credentials|client_secret[\w.-]{0,64})\.json$/,
    rule: 'gcp-credentials',
    settings: true,
    patterns: [/"(?:refresh_token|client_secret|private_key_id)"\s{0,8}:\s{0,8}"([^"\s]{8,4096})"/dg],
  },
  {
    path: /(?:^|\/)(?:id_(?:rsa|ed25519|ecdsa|dsa)|[\w.-]{1,64}\.(?:tfvars|htpasswd|properties))$/,
    rule: 'settings-file',
    settings: true,
    patterns: [],
  },
];

/** What the name of a file says about it; undefined for a file of no known name. */
export function knownFile(
  path: string,
): { readonly settings: boolean; find(text: string): readonly Credential[] } | undefined {
  const name = path.slice(-1_024);
  const known = KNOWN.filter((item) => item.path.test(name));
  if (known.length === 0) return undefined;
  return {
    settings: known.some(({ settings }) => settings),
    find: (text) =>
      known.flatMap(({ patterns, rule }) => patterns.flatMap((pattern) => grouped(pattern, rule, text))),
  };
}
