import { Type } from 'typebox';

/** Stable platform ids; names that people can change never authorise (S4). */
const SenderIds = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 10_000 });

const DmPolicy = Type.Union([
  Type.Literal('pairing'),
  Type.Literal('allowlist'),
  Type.Literal('open'),
  Type.Literal('disabled'),
]);

const GroupPolicy = Type.Union([Type.Literal('allowlist'), Type.Literal('open'), Type.Literal('disabled')]);

const Group = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    requireMention: Type.Optional(Type.Boolean({ default: true })),
    allowFrom: Type.Optional(SenderIds),
  },
  { additionalProperties: false },
);

/** Who may talk to an agent; the same keys on every channel and on every account of it (S1, S3). */
export const SenderKeys = {
  dmPolicy: Type.Optional(DmPolicy),
  allowFrom: Type.Optional(SenderIds),
  groupPolicy: Type.Optional(GroupPolicy),
  groupAllowFrom: Type.Optional(SenderIds),
  requireMention: Type.Optional(Type.Boolean({ default: true })),
  groups: Type.Optional(
    Type.Record(Type.String({ pattern: '^[^\\s]{1,200}$' }), Group, { additionalProperties: false }),
  ),
};

/** `dmPolicy`: what holds on every channel that does not say something stricter itself (S1). */
export const DmPolicySection = Type.Object(
  { mode: Type.Optional(DmPolicy), allowIds: Type.Optional(SenderIds) },
  { additionalProperties: false, description: 'Who may write to an agent, on every channel.' },
);

/** `bindings`: which agent a channel, an account or one peer talks to; the most specific line wins. */
export const BindingsSection = Type.Array(
  Type.Object(
    {
      agentId: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}$' }),
      match: Type.Object(
        {
          channel: Type.String({ minLength: 1, maxLength: 64 }),
          accountId: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          peer: Type.Optional(
            Type.Object(
              {
                kind: Type.Union([Type.Literal('direct'), Type.Literal('dm'), Type.Literal('group')]),
                id: Type.String({ minLength: 1, maxLength: 200 }),
              },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false },
  ),
  { maxItems: 1_000, description: 'Which agent a channel, an account or one peer talks to.' },
);
