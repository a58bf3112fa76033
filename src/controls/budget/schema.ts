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
