import type { EnvironmentFacts } from './policy/providers.ts';

/** Variables whose presence offers a provider; their values are read by egress only. */
const PROVIDER_KEYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY'];
const BASE_URLS = ['OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL', 'OLLAMA_HOST'];

/**
 * What configuration takes from the environment: a port, a model, addresses, and which provider keys there are. The gateway,
 * which must not hold the keys, is told their names in GATEHOUSE_SECRET_NAMES and comes to the same result.
 */
export function environmentFacts(env: Readonly<Record<string, string | undefined>>): EnvironmentFacts {
  const told = env['GATEHOUSE_SECRET_NAMES'];
  const names =
    told === undefined ? PROVIDER_KEYS.filter((name) => (env[name] ?? '') !== '') : told.split(',');
  const baseUrls: Record<string, string> = {};
  for (const name of BASE_URLS) {
    const value = env[name];
    if (value !== undefined && value !== '' && !value.includes('@')) baseUrls[name] = value;
  }
  const port = env['GATEHOUSE_PORT'];
  const model = env['GATEHOUSE_MODEL'];
  return {
    ...(port === undefined || port === '' ? {} : { port }),
    ...(model === undefined || model === '' ? {} : { model }),
    secretNames: PROVIDER_KEYS.filter((name) => names.includes(name)),
    baseUrls,
  };
}
