import { Type } from 'typebox';

/** Host names or addresses, each at most as long as DNS allows (RFC 1035 section 2.3.4). */
const Hosts = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 256, description });

const AddressBlocks = Type.Array(
  Type.String({
    pattern: '^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$',
    description: 'One address or CIDR block.',
  }),
  { maxItems: 1_000, description: 'Who may connect at all (L8); needed for what is reachable from outside.' },
);

const Path = (description: string) => Type.String({ minLength: 1, maxLength: 4_096, description });

/** TLS 1.3 only. The client authorities make certificates of clients count (L7). */
const TlsSection = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    certPath: Type.Optional(Path('Certificate chain in PEM, absolute or below the home.')),
    keyPath: Type.Optional(Path('Its private key in PEM, readable by the account of the gateway alone.')),
    caPath: Type.Optional(Path('Authorities in PEM whose client certificates are believed.')),
    clientAuth: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('optional'), Type.Literal('required')], {
        default: 'none',
        description: 'Whether a client must show a certificate; a principal is bound to its fingerprint.',
      }),
    ),
  },
  { additionalProperties: false },
);

function plane(what: string) {
  return Type.Object(
    {
      enabled: Type.Optional(Type.Boolean()),
      port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
      bind: Type.Optional(Type.String({ minLength: 1, maxLength: 200, default: 'loopback' })),
      allowedAddresses: Type.Optional(AddressBlocks),
      tls: Type.Optional(TlsSection),
    },
    { additionalProperties: false, description: `A port for ${what}.` },
  );
}

/** Keys of `gateway` that say what can be reached, and by whom before anyone is authenticated (L1, L4, L6). */
export const ListenSection = {
  mode: Type.Optional(Type.Literal('local', { description: 'This machine runs the gateway.' })),
  port: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 65_535, default: 18_789, description: '0 picks a free port.' }),
  ),
  bind: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      default: 'loopback',
      description:
        'loopback (127.0.0.1 and ::1), an address, lan, tailnet, or the absolute path of a Unix socket. What others than this machine can reach needs TLS or a trusted proxy, allowedAddresses, and a grant for listen.open.',
    }),
  ),
  allowedAddresses: Type.Optional(AddressBlocks),
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
  tls: Type.Optional(TlsSection),
  listeners: Type.Optional(
    Type.Object(
      {
        admin: Type.Optional(
          plane(
            'operations that need operator.admin or operator.pairing, while gateway.bind is reachable from outside',
          ),
        ),
        metrics: Type.Optional(plane('probes and /metrics')),
        webhooks: Type.Optional(plane('deliveries of chat platforms; opens only when a channel takes them')),
      },
      {
        additionalProperties: false,
        description: 'Listeners of their own, so that no port serves two purposes (L3).',
      },
    ),
  ),
  connections: Type.Optional(
    Type.Object(
      {
        total: Type.Optional(Type.Integer({ minimum: 64, maximum: 200_000, default: 2_048 })),
        perPrincipal: Type.Optional(Type.Integer({ minimum: 8, maximum: 200_000, default: 512 })),
      },
      {
        additionalProperties: false,
        description:
          'TCP connections at once: all listeners together, and those of one principal. Also bounded by the open files that the system allows.',
      },
    ),
  ),
  rateLimit: Type.Optional(
    Type.Object(
      {
        perAddress: Type.Optional(Type.Integer({ minimum: 10, maximum: 100_000, default: 2_000 })),
        perPrincipal: Type.Optional(Type.Integer({ minimum: 10, maximum: 100_000, default: 1_000 })),
      },
      {
        additionalProperties: false,
        description: 'Requests per second; twice as many at once are let through.',
      },
    ),
  ),
};
