import { Type } from 'typebox';

/** `logging`: the processes' own logs; what happened is in the ledger, whatever is set here. */
export const LoggingSection = Type.Object(
  {
    level: Type.Optional(
      Type.Union([Type.Literal('error'), Type.Literal('warn'), Type.Literal('info'), Type.Literal('debug')], {
        default: 'info',
      }),
    ),
    redactSensitive: Type.Optional(Type.Literal('tools')),
  },
  { additionalProperties: false, description: "The processes' own logs." },
);

/** `ledger`: how often its heads are signed (T1). */
export const LedgerSection = Type.Object(
  {
    checkpointSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600, default: 60 })),
    checkpointRecords: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 1_000 })),
  },
  { additionalProperties: false, description: 'How often the ledger is signed.' },
);
