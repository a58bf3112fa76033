import { Type } from 'typebox';

/** Host names or addresses, each at most as long as DNS allows (RFC 1035 section 2.3.4). */
const Hosts = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 256, description });

/** Keys of `gateway` that say what can be reached, and by whom before anyone is authenticated (L1, L4, L6). */
export const ListenSection = {
  mode: Type.Optional(Type.Literal('local', { description: 'This machine runs the gateway.' })),
  port: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 65_535, default: 18_789, description: '0 picks a free port.' }),
  ),
  bind: Type.Optional(
    Type.Union(
      [
        Type.Literal('loopback'),
        Type.Literal('127.0.0.1'),
        Type.Literal('::1'),
        Type.Literal('localhost'),
        Type.Literal('auto'),
      ],
      {
        default: 'loopback',
        description: 'loopback is 127.0.0.1 and ::1; a literal address is that one only.',
      },
    ),
  ),
  allowedHosts: Type.Optional(Hosts('Further values of the Host header that are answered (attack 77).')),
  trustedProxies: Type.Optional(
    Hosts('Addresses or CIDR blocks whose X-Forwarded-* headers count; from anyone else they refuse.'),
  ),
  controlUi: Type.Optional(
    Type.Object(
      {
        enabled: Type.Optional(Type.Boolean()),
        allowedOrigins: Type.Optional(
          Type.Array(Type.String({ pattern: '^https?://[^/*\\s]+$', maxLength: 300 }), {
            maxItems: 64,
            description: 'Origins besides the gateway itself that a browser may connect from.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ),
  http: Type.Optional(
    Type.Object(
      {
        endpoints: Type.Optional(
          Type.Object(
            {
              chatCompletions: Type.Optional(
                Type.Object(
                  { enabled: Type.Optional(Type.Boolean({ default: true })) },
                  { additionalProperties: false },
                ),
              ),
              responses: Type.Optional(
                Type.Object({ enabled: Type.Optional(Type.Literal(false)) }, { additionalProperties: false }),
              ),
            },
            { additionalProperties: false },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ),
  tls: Type.Optional(
    Type.Object({ enabled: Type.Optional(Type.Literal(false)) }, { additionalProperties: false }),
  ),
};
