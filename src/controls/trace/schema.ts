import { type TSchema, Type } from 'typebox';
import { REDACTABLE } from './retention/order.ts';

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

const NAME = '^[a-z][a-z0-9-]{0,31}$';
const PATH = Type.String({ pattern: '^/[^\\0]*$', maxLength: 1_000 });

const Common = {
  name: Type.String({
    pattern: NAME,
    description: 'Name of the destination; its place in the ledger is kept under it.',
  }),
  enabled: Type.Optional(Type.Boolean()),
  format: Type.Optional(
    Type.Union([Type.Literal('ocsf'), Type.Literal('json')], {
      default: 'ocsf',
      description: 'OCSF 1.3 events, or the records as they are.',
    }),
  ),
  lagMinutes: Type.Optional(
    Type.Number({
      minimum: 0.05,
      maximum: 10_080,
      default: 5,
      description: 'Records may wait so long until an alert says that they do.',
    }),
  ),
};

const Remote = {
  networks: Type.Optional(
    Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 16,
      description: 'CIDR blocks that are not public and that the host may lead to.',
    }),
  ),
  ca: Type.Optional({ ...PATH, description: 'File of further certificate authorities in PEM.' }),
};

const strict = { additionalProperties: false } as const;

const FileExport = Type.Object(
  {
    ...Common,
    type: Type.Literal('file'),
    path: Type.Optional({
      ...PATH,
      description: 'Absolute; logs/events-<name>.jsonl of the home when absent.',
    }),
    maxMegabytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_240, default: 100 })),
    keep: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, default: 10, description: 'Older files kept.' }),
    ),
  },
  strict,
);

const SyslogExport = Type.Object(
  {
    ...Common,
    ...Remote,
    type: Type.Literal('syslog'),
    host: Type.String({ minLength: 1, maxLength: 253 }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, default: 6_514 })),
    transport: Type.Optional(
      Type.Union([Type.Literal('tls'), Type.Literal('tcp')], {
        default: 'tls',
        description: 'There is no UDP: what it drops is lost.',
      }),
    ),
    facility: Type.Optional(Type.Integer({ minimum: 0, maximum: 23, default: 13 })),
  },
  strict,
);

/** A collector over HTTP, its credential a reference that only egress resolves. */
function httpExport<const Own extends Record<string, TSchema>, Secret extends TSchema>(
  own: Own,
  secret: Secret,
) {
  return Type.Object(
    {
      ...Common,
      ...Remote,
      ...own,
      url: Type.String({ minLength: 8, maxLength: 1_000 }),
      token: Type.Optional(secret),
      scheme: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z][A-Za-z0-9-]{0,31}$',
          default: 'Bearer',
          description: 'What stands before the token in the Authorization header.',
        }),
      ),
    },
    strict,
  );
}

/** `trace.retention`: what of the ledger is kept, and how long (T5). Without it, everything is kept. */
const RetentionSection = Type.Object(
  {
    removeAfterDays: Type.Optional(
      Type.Integer({ minimum: 30, maximum: 36_500, description: 'Records that are older go.' }),
    ),
    redactAfterDays: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 36_500, description: 'The content of older records goes.' }),
    ),
    redact: Type.Optional(
      Type.Array(Type.Union(REDACTABLE.map((column) => Type.Literal(column))), {
        minItems: 1,
        maxItems: REDACTABLE.length,
        description: 'What is content; data and sender when absent.',
      }),
    ),
    archive: Type.Optional(
      Type.Union([Type.Boolean(), PATH], {
        description:
          'Keep records as evidence before they go: true for state/archive, or an absolute folder.',
      }),
    ),
    waitForExport: Type.Optional(
      Type.Boolean({ default: true, description: 'Records that a destination still waits for stay.' }),
    ),
  },
  strict,
);

/** `trace.anchors`: where signed checkpoints are kept a second time (T1). */
function anchorSchema<Secret extends TSchema>(secret: Secret) {
  const name = Type.String({ pattern: NAME });
  return Type.Union([
    Type.Object(
      { name, type: Type.Literal('file'), path: { ...PATH, description: 'A file that only grows.' } },
      strict,
    ),
    Type.Object(
      {
        name,
        type: Type.Literal('folder'),
        path: { ...PATH, description: 'One file per checkpoint, never written again.' },
      },
      strict,
    ),
    Type.Object(
      {
        name,
        type: Type.Literal('gatehouse'),
        url: Type.String({ minLength: 8, maxLength: 1_000, description: 'Address of the other instance.' }),
        token: secret,
        networks: Remote.networks,
      },
      strict,
    ),
  ]);
}

/** `trace`: where the ledger is delivered to (T2). `secret` is the schema of a reference to a secret. */
export function traceSection<Secret extends TSchema>(secret: Secret) {
  return Type.Object(
    {
      export: Type.Optional(
        Type.Array(
          Type.Union([
            FileExport,
            SyslogExport,
            httpExport(
              {
                type: Type.Literal('http'),
                body: Type.Optional(
                  Type.Union([Type.Literal('array'), Type.Literal('lines')], {
                    default: 'array',
                    description: 'One JSON array per request, or one event per line.',
                  }),
                ),
              },
              secret,
            ),
            httpExport({ type: Type.Literal('otlp') }, secret),
          ]),
          { maxItems: 16, description: 'Where events go; at least once each, from the first record on.' },
        ),
      ),
      retention: Type.Optional(RetentionSection),
      anchors: Type.Optional(
        Type.Array(anchorSchema(secret), {
          maxItems: 8,
          description: 'Copies of the signed checkpoints, beside state/ledger.anchor.',
        }),
      ),
    },
    { additionalProperties: false, description: 'Delivery and retention of the ledger.' },
  );
}
