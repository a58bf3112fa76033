import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import type { ProviderConfig, SecretReference } from '../types.ts';
import { judgeBaseUrl } from './base-url.ts';
import { readIdentityProviders } from './identity-providers.ts';
import { UNNAMED_MODEL } from './models.ts';
import { readReference } from './secrets.ts';

/** Names (never values) of what the environment offers, and addresses of model servers. */
export interface EnvironmentFacts {
  readonly port?: string;
  /** `GATEHOUSE_MODEL`: the model of agents that name none, with or without its provider. */
  readonly model?: string;
  /** Provider variables that are set, for example `ANTHROPIC_API_KEY`. */
  readonly secretNames: readonly string[];
  /** `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL` and `OLLAMA_HOST`, where set. */
  readonly baseUrls?: Readonly<Record<string, string | undefined>>;
}

export interface Providers {
  readonly providers: readonly ProviderConfig[];
  readonly secrets: readonly SecretReference[];
  /** One rule `provider:<id>` per provider and `oidc:<n>` per identity provider; they open an address for the gateway's own calls only. */
  readonly rules: readonly EgressRuleSpec[];
}

const DEFAULT_CONTEXT_TOKENS = 128_000;
const OLLAMA_PORT = 11_434;

type WrittenProvider = NonNullable<NonNullable<ConfigInput['models']>['providers']>[string];
type Models = ProviderConfig['models'];

const HEADERS: Readonly<Record<'openai-completions' | 'anthropic-messages', string>> = {
  'openai-completions': 'authorization: Bearer {}',
  'anthropic-messages': 'x-api-key: {}',
};

/** The one path below its base that each API is called at. */
const ENDPOINTS: Readonly<Record<keyof typeof HEADERS, string>> = {
  'openai-completions': '/chat/completions',
  'anthropic-messages': '/messages',
};

interface WellKnown {
  readonly id: string;
  readonly api: 'openai-completions' | 'anthropic-messages';
  readonly keyName: string;
  readonly urlName: string;
  readonly baseUrl: string;
  readonly models: Models;
}

const WELL_KNOWN: readonly WellKnown[] = [
  {
    id: 'anthropic',
    api: 'anthropic-messages',
    keyName: 'ANTHROPIC_API_KEY',
    urlName: 'ANTHROPIC_BASE_URL',
    baseUrl: 'https://api.anthropic.com/v1',
    models: [
      { id: 'claude-sonnet-4-6', name: 'Claude Sonnet 4.6', contextTokens: 200_000 },
      { id: 'claude-opus-4-6', name: 'Claude Opus 4.6', contextTokens: 200_000 },
    ],
  },
  {
    id: 'openai',
    api: 'openai-completions',
    keyName: 'OPENAI_API_KEY',
    urlName: 'OPENAI_BASE_URL',
    baseUrl: 'https://api.openai.com/v1',
    models: [
      { id: 'gpt-5.4', name: 'GPT-5.4', contextTokens: 272_000 },
      { id: 'gpt-5.4-mini', name: 'GPT-5.4 mini', contextTokens: 272_000 },
    ],
  },
];

/** The built-in provider that plays a script; it has no address and no key (G2). */
const REHEARSAL: ProviderConfig = {
  id: 'rehearsal',
  api: 'rehearsal',
  baseUrl: '',
  secret: null,
  models: [{ id: 'script', name: 'Rehearsal (no model)', contextTokens: 100_000 }],
};

interface Candidate {
  readonly id: string;
  readonly api: 'openai-completions' | 'anthropic-messages';
  readonly baseUrl: string;
  readonly apiKey: WrittenProvider['apiKey'];
  readonly networks: readonly string[];
  readonly models: Models;
  readonly at: readonly Segment[];
}

function writtenModels(written: WrittenProvider): Models {
  return (written.models ?? []).map(({ id, name, contextTokens, contextWindow }) => ({
    id,
    name: name ?? id,
    contextTokens: contextTokens ?? contextWindow ?? DEFAULT_CONTEXT_TOKENS,
  }));
}

function fromConfig(id: string, written: WrittenProvider, env: EnvironmentFacts): Candidate {
  const known = WELL_KNOWN.find((item) => item.id === id);
  const api = written.api ?? known?.api ?? 'openai-completions';
  const models = writtenModels(written);
  return {
    id,
    api,
    baseUrl: written.baseUrl,
    apiKey: written.apiKey ?? ambientKey(known, written.baseUrl, env),
    networks: written.networks ?? [],
    models: models.length === 0 && known !== undefined ? known.models : models,
    at: ['models', 'providers', id],
  };
}

/** The account's key goes to the provider's own address and nowhere else unless somebody wrote that down. */
function ambientKey(
  known: WellKnown | undefined,
  baseUrl: string,
  env: EnvironmentFacts,
): string | undefined {
  if (known === undefined || !env.secretNames.includes(known.keyName)) return undefined;
  return originOf(baseUrl) === originOf(known.baseUrl) ? `\${${known.keyName}}` : undefined;
}

/** Scheme, host and port; undefined when there is none. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function fromEnvironment(env: EnvironmentFacts, taken: ReadonlySet<string>): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const known of WELL_KNOWN) {
    const url = env.baseUrls?.[known.urlName];
    const hasKey = env.secretNames.includes(known.keyName);
    if (taken.has(known.id) || (!hasKey && url === undefined)) continue;
    found.push({
      id: known.id,
      api: known.api,
      baseUrl: url === undefined ? known.baseUrl : withVersion(url),
      apiKey: hasKey ? `\${${known.keyName}}` : undefined,
      networks: [],
      models: url === undefined ? known.models : [unnamed()],
      at: ['models', 'providers', known.id],
    });
  }
  const ollama = env.baseUrls?.['OLLAMA_HOST'];
  if (ollama !== undefined && !taken.has('ollama')) {
    const baseUrl = ollamaUrl(ollama);
    const at = ['models', 'providers', 'ollama'];
    found.push({
      id: 'ollama',
      api: 'openai-completions',
      baseUrl,
      apiKey: undefined,
      networks: [],
      models: [unnamed()],
      at,
    });
  }
  return found;
}

function unnamed(): Models[number] {
  return { id: UNNAMED_MODEL, name: 'whatever the server runs', contextTokens: DEFAULT_CONTEXT_TOKENS };
}

/** Servers are often named without the `/v1` under which their API is. */
function withVersion(url: string): string {
  return /^https?:\/\/[^/]+\/?$/i.test(url) ? `${url.replace(/\/$/, '')}/v1` : url;
}

/** `OLLAMA_HOST` is written for the server: a host, a port, or an address to listen on. */
function ollamaUrl(value: string): string {
  const url = /^https?:\/\//i.test(value)
    ? value
    : `http://${value.startsWith(':') ? `127.0.0.1${value}` : value}`;
  const local = url.replace(/^(https?:\/\/)(0\.0\.0\.0|\[::\])/i, '$1127.0.0.1');
  const ported = /:[0-9]+\/?$/.test(local) ? local : `${local.replace(/\/$/, '')}:${OLLAMA_PORT}`;
  return withVersion(ported);
}

/** Every provider there is: the configured ones, those the environment offers, and the rehearsal. */
export async function readProviders(
  input: ConfigInput,
  env: EnvironmentFacts,
  issues: Issues,
): Promise<Providers> {
  const configured = Object.entries(input.models?.providers ?? {});
  const candidates = [
    ...configured.map(([id, written]) => fromConfig(id, written, env)),
    ...fromEnvironment(env, new Set(configured.map(([id]) => id))),
  ];
  const providers: ProviderConfig[] = [];
  const secrets: SecretReference[] = [];
  const rules: EgressRuleSpec[] = [];
  for (const candidate of candidates) {
    if (candidate.id === REHEARSAL.id) {
      issues.error(candidate.at, 'CONFIG_BAD_VALUE', {
        message: 'rehearsal is the name of the built-in provider',
      });
      continue;
    }
    const place = await judgeBaseUrl(candidate, issues);
    if (place === undefined) continue;
    const { host, port } = place;
    const bound = { host, port, header: HEADERS[candidate.api] };
    const secret = readReference(candidate.apiKey, [...candidate.at, 'apiKey'], input, bound, issues);
    if (secret !== undefined) secrets.push(secret);
    const { id, api, models } = candidate;
    providers.push({ id, api, baseUrl: place.baseUrl, secret: secret?.name ?? null, models });
    rules.push({
      id: `provider:${id}`,
      host,
      port,
      class: 'model',
      ...(place.plain ? { protocol: 'http' as const } : {}),
      methods: ['POST'],
      paths: [`${place.path}${ENDPOINTS[api]}`],
      ...(candidate.networks.length === 0 ? {} : { networks: candidate.networks }),
    });
  }
  rules.push(...(await readIdentityProviders(input, issues)));
  return { providers: [...providers, REHEARSAL], secrets, rules };
}
