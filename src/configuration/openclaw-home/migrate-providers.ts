import { isPlainObject } from '../objects.ts';
import { agentsOf, Look } from './look.ts';
import type { Change, Draft, MovedSecret } from './migrate-steps.ts';

interface KnownProvider {
  readonly api: 'openai-completions' | 'anthropic-messages';
  readonly baseUrl: string;
  /** Variable of its key; null when it takes none. */
  readonly variable: string | null;
}

/** Providers that OpenClaw knows by name alone, and that speak a protocol that Gatehouse speaks (G2). */
const KNOWN: Readonly<Record<string, KnownProvider>> = {
  anthropic: {
    api: 'anthropic-messages',
    baseUrl: 'https://api.anthropic.com/v1',
    variable: 'ANTHROPIC_API_KEY',
  },
  openai: { api: 'openai-completions', baseUrl: 'https://api.openai.com/v1', variable: 'OPENAI_API_KEY' },
  openrouter: {
    api: 'openai-completions',
    baseUrl: 'https://openrouter.ai/api/v1',
    variable: 'OPENROUTER_API_KEY',
  },
  groq: { api: 'openai-completions', baseUrl: 'https://api.groq.com/openai/v1', variable: 'GROQ_API_KEY' },
  mistral: { api: 'openai-completions', baseUrl: 'https://api.mistral.ai/v1', variable: 'MISTRAL_API_KEY' },
  deepseek: {
    api: 'openai-completions',
    baseUrl: 'https://api.deepseek.com/v1',
    variable: 'DEEPSEEK_API_KEY',
  },
  xai: { api: 'openai-completions', baseUrl: 'https://api.x.ai/v1', variable: 'XAI_API_KEY' },
  ollama: { api: 'openai-completions', baseUrl: 'http://127.0.0.1:11434/v1', variable: null },
};

/** Every `provider/model` that agents name, with where it stands. */
export function modelReferences(look: Look): readonly { readonly model: string; readonly at: string }[] {
  const read = (own: Look, path: string) => {
    const simple = own.text('model');
    const names =
      simple === undefined ? [own.text('model.primary'), ...own.list('model.fallbacks')] : [simple];
    return names.filter((name) => name !== undefined).map((model) => ({ model, at: `${path}.model` }));
  };
  return [
    ...read(look.below('agents.defaults'), 'agents.defaults'),
    ...agentsOf(look).flatMap(({ own, path }) => read(own, path)),
  ];
}

/** Write down the providers that agents only name: here an address is opened because a configuration says so. */
export function nameProviders(draft: Draft, note: (change: Change) => void): readonly MovedSecret[] {
  const wanted = new Map<string, Set<string>>();
  for (const { model } of modelReferences(new Look(draft))) {
    const [, provider = '', name = ''] = /^([a-z0-9_-]+)\/(\S+)$/.exec(model) ?? [];
    if (!Object.hasOwn(KNOWN, provider)) continue;
    wanted.set(provider, (wanted.get(provider) ?? new Set()).add(name));
  }
  if (wanted.size === 0) return [];
  const models = isPlainObject(draft['models']) ? (draft['models'] as Draft) : {};
  const providers = isPlainObject(models['providers']) ? (models['providers'] as Draft) : {};
  const secrets: MovedSecret[] = [];
  for (const [provider, names] of wanted) {
    const known = KNOWN[provider];
    if (known === undefined || Object.hasOwn(providers, provider)) continue;
    const { api, baseUrl, variable } = known;
    const path = `models.providers.${provider}`;
    providers[provider] = {
      api,
      baseUrl,
      ...(variable === null ? {} : { apiKey: `\${${variable}}` }),
      models: [...names].map((id) => ({ id })),
    };
    if (variable !== null) secrets.push({ path: `${path}.apiKey`, variable });
    note({
      path,
      kind: 'secret',
      what: variable === null ? `added with ${baseUrl}` : `added with ${baseUrl} and \${${variable}}`,
      why: 'an agent names it, and OpenClaw keeps its address and its key outside the file',
    });
  }
  draft['models'] = { ...models, providers };
  return secrets;
}
