import { Type } from 'typebox';
import { EGRESS_CLASSES, EGRESS_METHODS, EGRESS_PROTOCOLS } from './types.ts';

const literals = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));

/** One destination, in the configuration and in playbooks alike (E2). */
const EgressRuleKeys = {
  id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:*-]{0,99}$' })),
  host: Type.String({
    minLength: 1,
    maxLength: 253,
    description: 'An exact name, or `*.` and a suffix for exactly one label.',
  }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, default: 443 })),
  class: Type.Optional(literals(EGRESS_CLASSES)),
  networks: Type.Optional(
    Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 64,
      description: 'CIDR blocks that are not public and that this host may lead to (E3).',
    }),
  ),
  protocol: Type.Optional(literals(EGRESS_PROTOCOLS)),
  methods: Type.Optional(
    Type.Array(literals(EGRESS_METHODS), {
      minItems: 1,
      maxItems: 16,
      description: 'HTTP methods that pass. Ends TLS in egress, as `paths` and `secrets` do.',
    }),
  ),
  paths: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      minItems: 1,
      maxItems: 200,
      description: 'Paths that pass: exact, `*` for one segment, `/**` at the end for all below.',
    }),
  ),
  secrets: Type.Optional(
    Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,63}$' }), {
      minItems: 1,
      maxItems: 50,
      description: 'Secrets (`secrets.values`) that requests under this rule may carry.',
    }),
  ),
  attach: Type.Optional(
    Type.String({
      pattern: '^[A-Z][A-Z0-9_]{0,63}$',
      description: 'One of `secrets` that egress puts into every request, without the run naming it.',
    }),
  ),
  effect: Type.Optional(
    Type.Union([Type.Literal('allow'), Type.Literal('ask'), Type.Literal('deny')], { default: 'allow' }),
  ),
  owner: Type.Optional(Type.String({ maxLength: 200 })),
  ticket: Type.Optional(Type.String({ maxLength: 200 })),
  reason: Type.Optional(Type.String({ maxLength: 1_000 })),
  expires: Type.Optional(Type.String({ maxLength: 40, description: 'ISO 8601 date or time.' })),
};

export const EgressRule = Type.Object(EgressRuleKeys, { additionalProperties: false });

const Count = (maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, description }));

/** E9: what connections may use at most. Everything that is left out keeps its default. */
const EgressLimitsSection = Type.Object(
  {
    run: Type.Optional(
      Type.Object(
        {
          connections: Count(10_000, 'Open at once.'),
          requests: Count(1_000_000, 'Requests and tunnels over the life of a run, refused ones included.'),
          megabytes: Count(1_048_576, 'Both directions, over the life of a run.'),
        },
        { additionalProperties: false },
      ),
    ),
    agent: Type.Optional(
      Type.Object(
        {
          connections: Count(10_000, 'Open at once, by all runs of one agent.'),
          megabytesPerDay: Count(16_777_216, 'Both directions, per day in UTC.'),
        },
        { additionalProperties: false },
      ),
    ),
    total: Type.Optional(
      Type.Object(
        {
          connections: Count(10_000, 'Open at once.'),
          megabytesPerDay: Count(16_777_216, 'Both directions, per day in UTC, by runs of all agents.'),
        },
        { additionalProperties: false },
      ),
    ),
    connection: Type.Optional(
      Type.Object(
        {
          seconds: Count(86_400, 'How long one connection may last.'),
          idleSeconds: Count(3_600, 'How long nothing may move on it.'),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

/** `policy/egress.yaml` of the home: the install's destinations, each with who answers for it (E2). */
export const EgressPolicyFile = Type.Object(
  {
    version: Type.Literal(1),
    rules: Type.Array(
      Type.Object(
        {
          ...EgressRuleKeys,
          agents: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
              minItems: 1,
              maxItems: 200,
              description: 'Only these agents take the rule over; absent means each whose playbook inherits.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { maxItems: 10_000 },
    ),
    limits: Type.Optional(EgressLimitsSection),
  },
  { additionalProperties: false, title: 'Gatehouse egress policy' },
);

/** `networkPolicy`: the install's bound on where anything may connect (E1). */
export const NetworkPolicySection = Type.Object(
  {
    allow_egress: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'true leaves the choice to playbooks; it never opens a host that no playbook names.',
      }),
    ),
    egress_allowlist: Type.Optional(
      Type.Array(Type.Union([Type.String({ minLength: 1, maxLength: 260 }), EgressRule]), {
        maxItems: 10_000,
      }),
    ),
  },
  { additionalProperties: false, description: 'Where anything may connect.' },
);
