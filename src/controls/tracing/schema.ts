import { type TSchema, Type } from 'typebox';

/** `tracing`: where spans go (T3). `secret` is how references to secrets are written. */
export const tracingSection = <Secret extends TSchema>(secret: Secret) =>
  Type.Object(
    {
      endpoint: Type.String({
        pattern: '^https?://[^\\s?#|*]+$',
        maxLength: 1_000,
        description: "The collector's OTLP/HTTP address for traces, with its path, usually /v1/traces.",
      }),
      authorization: Type.Optional(secret),
      networks: Type.Optional(
        Type.Array(Type.String({ maxLength: 64 }), {
          maxItems: 16,
          description: 'CIDR blocks that are not public and that the host may lead to.',
        }),
      ),
      sample: Type.Optional(
        Type.Number({ minimum: 0, maximum: 1, description: 'Share of traces that are sent; 1 unless said.' }),
      ),
      service: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$',
          description: 'service.name; gatehouse unless said.',
        }),
      ),
    },
    { additionalProperties: false, description: 'OpenTelemetry traces over OTLP/HTTP JSON. Absent: none.' },
  );
