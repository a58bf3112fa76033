import { nearestName } from '../nearest.ts';
import type { ProviderConfig } from '../types.ts';
import type { AgentContext, NamedAgent } from './agents.ts';

/** The provider that answers when there is no real one. */
const REHEARSAL = 'rehearsal';

/**
 * `provider/model`, first choice first. Without a choice: the first model of the first real provider, or the
 * rehearsal. A model that its provider does not list is passed on: servers know models that no list has.
 */
export function chooseModels(agent: NamedAgent, context: AgentContext): readonly string[] {
  const { model } = agent.settings;
  if (model === undefined) return [firstModel(context)];
  const written = typeof model === 'string' ? [model] : [model.primary, ...(model.fallbacks ?? [])];
  for (const reference of written) checkProvider(reference, agent, context);
  return [...new Set(written)];
}

function firstModel({ providers, issues }: AgentContext): string {
  const listed = providers.find((provider) => provider.id !== REHEARSAL && provider.models.length > 0);
  const provider = listed ?? providers.find(({ id }) => id === REHEARSAL);
  const model = provider?.models[0]?.id ?? 'script';
  const unlisted = providers.find((item) => item.models.length === 0);
  if (model === 'default' || (unlisted !== undefined && provider?.id === REHEARSAL)) {
    const name = unlisted?.id ?? provider?.id ?? '';
    const message = `the provider ${name} is there, but nothing says which of its models to use`;
    const fix = `Set agents.defaults.model to "${name}/MODEL".`;
    if (!issues.warnings.some((issue) => issue.code === 'CONFIG_MODEL_UNNAMED'))
      issues.warn(['agents'], 'CONFIG_MODEL_UNNAMED', { message, fix });
  }
  return `${provider?.id ?? REHEARSAL}/${model}`;
}

function checkProvider(reference: string, agent: NamedAgent, { providers, issues }: AgentContext): void {
  const id = reference.slice(0, reference.indexOf('/'));
  if (providers.some((provider) => provider.id === id)) return;
  const nearest = nearestName(
    id,
    providers.map((provider: ProviderConfig) => provider.id),
  );
  issues.error([...agent.at, 'model'], 'CONFIG_PROVIDER_UNKNOWN', {
    message: `the model ${reference} names a provider that does not exist`,
    ...(nearest === undefined ? {} : { nearest }),
  });
}
