import { createAiSdkProvider, createRehearsalProvider } from '../agents/index.ts';
import type { ModelProvider } from '../agents/types.ts';
import type { ConfigService, ProviderConfig } from '../configuration/types.ts';
import { providerFetch } from '../drivers/egress-client/index.ts';

/**
 * The configured providers, kept up to date across reloads in one array. None holds a key: each sends a
 * placeholder, which egress replaces for the host that the key is bound to.
 */
export function createProviders(config: ConfigService, providerSocket: string): readonly ModelProvider[] {
  const fetch = providerFetch(providerSocket);
  const current: ModelProvider[] = [];
  const replace = (providers: readonly ProviderConfig[]) => {
    current.splice(0, current.length, ...providers.map((provider) => providerOf(provider, fetch)));
  };
  replace(config.current().providers);
  config.onApplied((next) => replace(next.providers));
  return current;
}

function providerOf(provider: ProviderConfig, fetch: typeof globalThis.fetch): ModelProvider {
  const { id, api, baseUrl, models, secret } = provider;
  if (api === 'rehearsal') return createRehearsalProvider();
  return createAiSdkProvider({
    id,
    api,
    baseUrl,
    models,
    apiKey: secret === null ? null : `{{secret:${secret}}}`,
    fetch,
  });
}
