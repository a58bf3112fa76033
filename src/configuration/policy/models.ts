import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { ProviderConfig } from '../types.ts';
import { type NamedAgent, settingPath } from './named-agents.ts';

interface ModelContext {
  readonly providers: readonly ProviderConfig[];
  /** Model that the environment asks for. */
  readonly wantedModel: string | undefined;
  readonly issues: Issues;
}

/** What a server of which only the address is known is asked for; single-model servers take any name. */
export const UNNAMED_MODEL = 'default';
/** The provider that answers when there is no real one. */
const REHEARSAL = 'rehearsal';

/**
 * `provider/model`, first choice first. Without a choice: the first model of the first real provider, or the
 * rehearsal. A model that its provider does not list is passed on: servers know models that no list has.
 */
export function chooseModels(agent: NamedAgent, context: ModelContext): readonly string[] {
  const { model } = agent.settings;
  if (model === undefined) return [firstModel(context)];
  const written = typeof model === 'string' ? [model] : [model.primary, ...(model.fallbacks ?? [])];
  for (const reference of written) checkProvider(reference, agent, context);
  return [...new Set(written)];
}

function firstModel({ providers, wantedModel, issues }: ModelContext): string {
  const real = providers.filter(({ id }) => id !== REHEARSAL);
  const listed = real.find((provider) => provider.models.length > 0);
  const first = listed ?? real[0];
  if (wantedModel !== undefined && first !== undefined) {
    const named = providers.some(({ id }) => wantedModel.startsWith(`${id}/`));
    return named ? wantedModel : `${first.id}/${wantedModel}`;
  }
  if (first !== undefined && (listed === undefined || listed.models[0]?.id === UNNAMED_MODEL)) {
    warnUnnamed(first.id, issues);
  }
  return listed === undefined
    ? `${REHEARSAL}/script`
    : `${listed.id}/${listed.models[0]?.id ?? UNNAMED_MODEL}`;
}

function warnUnnamed(provider: string, issues: Issues): void {
  if (issues.warnings.some((issue) => issue.code === 'CONFIG_MODEL_UNNAMED')) return;
  issues.warn(['agents'], 'CONFIG_MODEL_UNNAMED', {
    message: `the provider ${provider} is there, but nothing says which of its models to use`,
    fix: `Set agents.defaults.model to "${provider}/MODEL", or GATEHOUSE_MODEL to MODEL.`,
  });
}

function checkProvider(reference: string, agent: NamedAgent, { providers, issues }: ModelContext): void {
  const id = reference.slice(0, reference.indexOf('/'));
  if (providers.some((provider) => provider.id === id)) return;
  const nearest = nearestName(
    id,
    providers.map((provider: ProviderConfig) => provider.id),
  );
  issues.error(settingPath(agent, 'model'), 'CONFIG_PROVIDER_UNKNOWN', {
    message: `the model ${reference} names a provider that does not exist`,
    ...(nearest === undefined ? {} : { nearest }),
  });
}
