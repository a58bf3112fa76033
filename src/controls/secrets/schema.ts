import { Type } from 'typebox';

/** Marks a key whose value is a reference and never the secret itself (K1). */
const SECRET_MARK = 'x-gatehouse-secret';

/** A value that only the egress process resolves: `"${NAME}"`, or where it is kept. */
export const SecretInput = Type.Union(
  [
    Type.String({
      pattern: '^\\$\\{[A-Z][A-Z0-9_]{0,127}\\}$',
      description: '`${NAME}` of the environment.',
    }),
    Type.Object(
      {
        source: Type.Union([Type.Literal('env'), Type.Literal('file'), Type.Literal('exec')]),
        provider: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9_-]{0,63}$' })),
        id: Type.String({ minLength: 1, maxLength: 4_096 }),
      },
      { additionalProperties: false },
    ),
  ],
  { [SECRET_MARK]: true },
);

/** `secrets.providers`: where file and exec references look. */
export const SecretsSection = Type.Object(
  {
    providers: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9_-]{0,63}$' }),
        Type.Union([
          Type.Object({ source: Type.Literal('env') }, { additionalProperties: false }),
          Type.Object(
            {
              source: Type.Literal('file'),
              path: Type.String({ minLength: 1, maxLength: 4_096 }),
              mode: Type.Optional(Type.Literal('singleValue')),
            },
            { additionalProperties: false },
          ),
          Type.Object(
            {
              source: Type.Literal('exec'),
              command: Type.String({ pattern: '^/', maxLength: 4_096 }),
              args: Type.Optional(Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: 64 })),
            },
            { additionalProperties: false },
          ),
        ]),
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: 'Where references to secrets look.' },
);
