/**
 * What the gateway may know of the operator's environment. Everything else, provider keys above all, goes to
 * the keeper and egress only, so that the process that parses hostile input never held it (K2).
 */
const ALLOWED = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'TZ',
  'TERM',
  'COLORTERM',
  'NO_COLOR',
  'FORCE_COLOR',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'GATEHOUSE_HOME',
  'GATEHOUSE_PORT',
  'GATEHOUSE_MODEL',
  'GATEHOUSE_SOURCES',
]);

/** Variables whose name (never the value) tells the gateway which provider it can offer. */
const PROVIDER_SECRETS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY'];

/** Addresses of model servers; passed on only when they carry no user information. */
const BASE_URLS = ['OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL', 'OLLAMA_HOST'];

export type Environment = Readonly<Record<string, string | undefined>>;

export function gatewayEnvironment(env: Environment): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (ALLOWED.has(name) || name.startsWith('LC_')) clean[name] = value;
    if (BASE_URLS.includes(name) && !value.includes('@')) clean[name] = value;
  }
  const present = PROVIDER_SECRETS.filter((name) => (env[name] ?? '') !== '');
  clean['GATEHOUSE_SECRET_NAMES'] = present.join(',');
  return clean;
}
