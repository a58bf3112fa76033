import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { GrantSchema } from './schema.ts';

const ConfiguredSchema = strict({
  id: Type.String(),
  layer: Type.String(),
  kind: Type.String(),
  match: Type.Record(Type.String(), Type.Array(Type.String())),
  owner: Type.String(),
  ticket: Type.String(),
  reason: Type.String(),
  expiresAt: Type.Number({ description: 'Unix milliseconds.' }),
});

export const grantList = defineOperation({
  id: 'grant.list',
  summary: 'List every widening: made by commands, and standing in the configuration',
  input: strict({
    ended: Type.Optional(Type.Boolean({ description: 'Also those that are over.' })),
  }),
  output: strict({
    grants: Type.Array(GrantSchema, { description: 'Made by commands, newest first.' }),
    configured: Type.Array(ConfiguredSchema, {
      description: 'Those of the configuration that are in force.',
    }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'grant list',
    examples: ['gatehouse grant list', 'gatehouse grant list --ended --json'],
    offline: true,
  },
  async run({ services }, { ended }) {
    const made = await services.grants.list(ended);
    const ids = new Set(made.map(({ id }) => id));
    const { ceiling, agents } = services.config.current();
    const layers = [ceiling, ...[...agents.values()].flatMap(({ authority }) => authority.layers)];
    const configured = new Map(
      layers
        .flatMap(({ grants }) => grants)
        .filter((grant) => !ids.has(grant.id) && grant.expires > services.clock.now())
        .map(({ id, layer, kind, match, owner, ticket, reason, expires }) => [
          id,
          { id, layer, kind, match, owner, ticket, reason, expiresAt: expires },
        ]),
    );
    return { grants: made, configured: [...configured.values()] };
  },
});
