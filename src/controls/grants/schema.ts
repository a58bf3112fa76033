import { Type } from 'typebox';
import { ACTION_KINDS, type ActionKind } from '../../kernel/index.ts';

const Word = Type.String({ minLength: 1, maxLength: 200 });

/** `grants`: time-boxed widenings, each with who, why and until when (D7). */
export const GrantsSection = Type.Array(
  Type.Object(
    {
      id: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' }),
      layer: Type.String({
        pattern: '^(ceiling|playbook:[a-z0-9][a-z0-9_-]{0,63})$',
        description: 'What is widened: `ceiling` or `playbook:NAME`. An action needs every layer.',
      }),
      kind: Type.Unsafe<ActionKind>(Type.Union(ACTION_KINDS.map((kind) => Type.Literal(kind)))),
      match: Type.Record(
        Type.String({ pattern: '^[a-z]{1,40}$' }),
        Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), { minItems: 1, maxItems: 1_000 }),
        { additionalProperties: false, minProperties: 1 },
      ),
      subject: Type.Optional(
        Type.Object(
          {
            principal: Type.Optional(Word),
            agent: Type.Optional(Word),
            session: Type.Optional(Word),
          },
          { additionalProperties: false },
        ),
      ),
      owner: Word,
      ticket: Word,
      reason: Type.String({ minLength: 1, maxLength: 1_000 }),
      expires: Type.String({ maxLength: 40, description: 'ISO 8601 date (until its end, UTC) or time.' }),
    },
    { additionalProperties: false },
  ),
  { maxItems: 1_000, description: 'Time-boxed widenings.' },
);

/** `grantPolicy`: what `gatehouse grant` may widen, and how (D7). */
export const GrantPolicySection = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({ default: true, description: 'false: grants stand in the configuration only.' }),
    ),
    twoPersons: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'A grant waits until an administrator who did not ask for it approves it.',
      }),
    ),
    maxHours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 2_160, default: 168, description: 'Longest time of a grant.' }),
    ),
    kinds: Type.Optional(
      Type.Array(Type.Unsafe<ActionKind>(Type.Union(ACTION_KINDS.map((kind) => Type.Literal(kind)))), {
        maxItems: 20,
        description: 'Kinds of action that may be granted; an empty list allows none.',
      }),
    ),
    hosts: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
        maxItems: 1_000,
        description:
          'Hosts that net.connect may be granted for (`*.` for one label); absent: any public one.',
      }),
    ),
    breakglass: Type.Optional(
      Type.Object(
        {
          enabled: Type.Optional(Type.Boolean({ default: true })),
          maxMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 240, default: 30 })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: 'What `gatehouse grant` may widen, and how.' },
);
