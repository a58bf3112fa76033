import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { orNull, strict } from '../schema.ts';
import type { Services } from '../services.ts';

const Backend = strict({
  backend: Type.String(),
  agents: Type.Array(Type.String(), { description: 'Agents whose commands it runs.' }),
  available: orNull(
    Type.Boolean({ description: 'Whether it works on this machine; null when it was not tried.' }),
  ),
  version: Type.String(),
  image: orNull(Type.String({ description: 'The image that was set up, by its content.' })),
  held: Type.Array(Type.String(), { description: 'Limits that were measured to hold.' }),
  missing: Type.Array(strict({ name: Type.String(), how: Type.String() }), {
    description: 'Limits that do not hold here, and why.',
  }),
  fix: orNull(Type.String({ description: 'How to make it available.' })),
});

/** Backends and the agents that use them. */
export function backendsInUse({
  config,
  sandbox,
}: Pick<Services, 'config' | 'sandbox'>): ReadonlyMap<string, readonly string[]> {
  const used = new Map<string, string[]>();
  for (const { agent, sandboxBackend = sandbox.backend } of config.current().agents.values())
    used.set(sandboxBackend, [...(used.get(sandboxBackend) ?? []), agent]);
  return used;
}

export const sandboxList = defineOperation({
  id: 'sandbox.list',
  summary: 'Show every sandbox backend: which agents use it, and what of it holds on this machine',
  description: 'What is in use is measured by breaking each limit once; the rest only with `measure`.',
  input: strict({
    measure: Type.Optional(Type.Boolean({ description: 'Also try backends that no agent uses.' })),
  }),
  output: strict({ backends: Type.Array(Backend) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'sandbox list',
    examples: ['gatehouse sandbox list', 'gatehouse sandbox list --measure'],
    offline: true,
  },
  async run({ services }, { measure = false }) {
    const { sandbox, images } = services;
    const used = backendsInUse(services);
    const backends = [];
    // One after the other: a measurement is a busy second, and two would disturb each other.
    for (const backend of sandbox.names) {
      const agents = used.get(backend) ?? [];
      const probe = agents.length > 0 || measure ? await sandbox.probeOf(backend) : undefined;
      const features = Object.entries(probe?.features ?? {});
      backends.push({
        backend,
        agents: [...agents],
        available: probe?.available ?? null,
        version: probe?.version ?? '',
        image: images.recorded(backend)?.id ?? null,
        held: features.filter(([, { holds }]) => holds).map(([name]) => name),
        missing: features.filter(([, { holds }]) => !holds).map(([name, { how }]) => ({ name, how })),
        fix: probe?.fix ?? null,
      });
    }
    return { backends };
  },
});
