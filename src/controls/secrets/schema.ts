import { Type } from 'typebox';
import { CREDENTIAL_KINDS } from './workspace/kinds.ts';

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

/** Also the variable in which a run finds the placeholder. */
export const RUN_SECRET_NAME = '^[A-Z][A-Z0-9_]{0,63}$';

/** Credentials that lie in the workspace and that runs see masked (K5). */
const InWorkspace = Type.Object(
  {
    file: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_024,
        description: 'The file as a run sees it: below /workspace, or an absolute path.',
      }),
    ),
    key: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$',
        description: 'The name beside which the value stands in that file.',
      }),
    ),
    kind: Type.Optional(
      Type.Unsafe<keyof typeof CREDENTIAL_KINDS>(
        Type.Union(
          Object.keys(CREDENTIAL_KINDS).map((kind) => Type.Literal(kind)),
          {
            description: 'The kind that the value itself shows, wherever it lies.',
          },
        ),
      ),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** A secret that runs use by placeholder (E6). */
const RunSecret = Type.Object(
  {
    value: Type.Optional(SecretInput),
    workspace: Type.Optional(InWorkspace),
    hosts: Type.Array(Type.String({ minLength: 1, maxLength: 260 }), {
      minItems: 1,
      maxItems: 16,
      description: 'Exact hosts, with a port when it is not 443, that the value may be sent to.',
    }),
    in: Type.Union(
      [
        Type.String({ minLength: 4, maxLength: 200 }),
        Type.Array(Type.String({ minLength: 4, maxLength: 200 }), { minItems: 1, maxItems: 8 }),
      ],
      {
        description:
          'Where in a request: `authorization: Bearer {}`, `x-api-key: {}`, `authorization: Basic {}` (as user name or password), `query: key`.',
      },
    ),
  },
  { additionalProperties: false },
);

/** `secrets.providers`: where file and exec references look. */
export const SecretsSection = Type.Object(
  {
    values: Type.Optional(
      Type.Record(Type.String({ pattern: RUN_SECRET_NAME }), RunSecret, {
        maxProperties: 100,
        description: 'Secrets that runs use by placeholder, by the name of the variable that holds it.',
      }),
    ),
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
  {
    additionalProperties: false,
    description: 'Where references to secrets look, and which secrets runs use without holding them.',
  },
);
