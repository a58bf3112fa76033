import { Type } from 'typebox';

/** Bounds of one turn of an agent (B1). In a playbook and in the configuration the smaller one counts. */
export const TurnLimitKeys = Type.Object(
  {
    steps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Model calls.' })),
    tokens: Type.Optional(Type.Integer({ minimum: 100, maximum: 100_000_000, description: 'In and out.' })),
    seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86_400, description: 'Waiting for approvals is not counted.' }),
    ),
    contextTokens: Type.Optional(
      Type.Integer({ minimum: 1_000, maximum: 10_000_000, description: 'History that triggers compaction.' }),
    ),
    approvalSeconds: Type.Optional(
      Type.Integer({ minimum: 5, maximum: 604_800, description: 'How long an approval stays open.' }),
    ),
  },
  { additionalProperties: false },
);

const Amounts = (what: string, most: number) =>
  Type.Optional(
    Type.Object(
      {
        minute: Type.Optional(Type.Number({ minimum: 0, maximum: most })),
        hour: Type.Optional(Type.Number({ minimum: 0, maximum: most })),
        day: Type.Optional(Type.Number({ minimum: 0, maximum: most })),
        month: Type.Optional(Type.Number({ minimum: 0, maximum: most })),
      },
      { additionalProperties: false, description: `${what}, per calendar period in UTC.` },
    ),
  );

/** What may be used per period. What is not named is not limited; 0 allows nothing. */
export const BudgetLimitKeys = Type.Object(
  {
    requests: Amounts('Calls over HTTP and WebSocket, and messages of senders', 1e12),
    tokens: Amounts('Tokens of models, in and out', 1e15),
    money: Amounts('Money for models, in the currency of `budget.prices`', 1e9),
    runs: Amounts('Calls of tools', 1e12),
    bytes: Amounts('Bytes that runs move through egress, in both directions', 1e15),
  },
  { additionalProperties: false },
);

const Id = '^[A-Za-z0-9][A-Za-z0-9:@._ /+-]{0,199}$';

/** `budget`: limits of the whole install, of principals and of senders, and what models cost. */
export const BudgetSection = Type.Object(
  {
    install: Type.Optional(BudgetLimitKeys),
    eachPrincipal: Type.Optional(BudgetLimitKeys),
    eachSender: Type.Optional(BudgetLimitKeys),
    principals: Type.Optional(
      Type.Record(Type.String({ pattern: Id }), BudgetLimitKeys, {
        additionalProperties: false,
        description: 'In place of eachPrincipal, by the id of the principal.',
      }),
    ),
    prices: Type.Optional(
      Type.Record(
        Type.String({ pattern: Id }),
        Type.Object(
          {
            input: Type.Number({ minimum: 0, maximum: 1e6, description: 'Per million tokens.' }),
            output: Type.Number({ minimum: 0, maximum: 1e6, description: 'Per million tokens.' }),
          },
          { additionalProperties: false },
        ),
        { additionalProperties: false, description: 'By `provider/model`.' },
      ),
    ),
  },
  { additionalProperties: false, description: 'What may be used (B1).' },
);
