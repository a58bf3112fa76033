import { Type } from 'typebox';
import { EGRESS_CLASSES, EGRESS_PROTOCOLS } from './types.ts';

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
  effect: Type.Optional(
    Type.Union([Type.Literal('allow'), Type.Literal('ask'), Type.Literal('deny')], { default: 'allow' }),
  ),
  owner: Type.Optional(Type.String({ maxLength: 200 })),
  ticket: Type.Optional(Type.String({ maxLength: 200 })),
  reason: Type.Optional(Type.String({ maxLength: 1_000 })),
  expires: Type.Optional(Type.String({ maxLength: 40, description: 'ISO 8601 date or time.' })),
};

export const EgressRule = Type.Object(EgressRuleKeys, { additionalProperties: false });

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
