import { Type } from 'typebox';
import { OIDC_ALGORITHMS } from './oidc/settings.ts';

const Url = (description: string) =>
  Type.String({ pattern: '^https?://[^\\s?#|]+$', maxLength: 1_000, description });

/** Names of header fields (RFC 9110 section 5.6.2) that no request carries for another purpose. */
const HeaderName = (description: string) =>
  Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$', description });

/** `gateway.auth.oidc[]`: an identity provider whose bearer tokens count (A5). */
const OidcEntry = Type.Object(
  {
    issuer: Url('Exactly what the tokens say in `iss`.'),
    audience: Type.String({
      minLength: 1,
      maxLength: 300,
      description:
        'Must be in `aud`. Choose a name that stands for this gateway alone: tokens for other programs, such as ID tokens for a web page, then do not count here.',
    }),
    jwksUri: Type.Optional(Url('Where the keys are; absent, the discovery document of the issuer says it.')),
    networks: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        maxItems: 16,
        description: 'CIDR blocks that are not public and that the host may lead to.',
      }),
    ),
    clockSkewSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 600,
        description: 'Tolerated difference of the clocks; 60 unless said.',
      }),
    ),
    offlineGraceSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        description: 'How long known keys work while the provider does not answer; 3600 unless said.',
      }),
    ),
    maxLifetimeSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 31_536_000,
        description: 'Longest life of a token that is taken; 86400 unless said.',
      }),
    ),
    algorithms: Type.Optional(
      Type.Array(Type.Enum([...OIDC_ALGORITHMS]), {
        minItems: 1,
        maxItems: OIDC_ALGORITHMS.length,
        description: 'Signatures that count; RS256, ES256 and EdDSA unless said.',
      }),
    ),
    subjectClaim: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description:
          'Claim that names the caller for good; `sub` unless said. Never one that people can change.',
      }),
    ),
    requiredClaims: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.String({ maxLength: 300 }), {
        maxProperties: 16,
        description: 'Claims that must have exactly these values, for example token_use: access.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** `gateway.auth.trustedProxy`, in OpenClaw's shape (A6). */
const TrustedProxy = Type.Object(
  {
    userHeader: Type.Optional(
      HeaderName(
        'Header in which a proxy of gateway.trustedProxies names the user that it has authenticated.',
      ),
    ),
    certificateHeader: Type.Optional(
      HeaderName(
        'Header in which such a proxy hands on the client certificate that it has verified: its SHA-256 fingerprint, or the certificate in percent-encoded PEM.',
      ),
    ),
    requiredHeaders: Type.Optional(
      Type.Array(HeaderName('Must come with the above, not empty.'), { maxItems: 16 }),
    ),
    allowUsers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        minItems: 1,
        maxItems: 1_000,
        description:
          'The only users that may come this way. Each also needs a principal with that `proxy` identity; without this list the principals alone decide.',
      }),
    ),
  },
  { additionalProperties: false },
);

/**
 * `gateway.auth`: how callers prove who they are. There is no shared secret to configure: tokens are issued
 * per consumer and only their digests are kept (A1, A2).
 */
export const AuthSection = Type.Object(
  {
    mode: Type.Optional(
      Type.Union([Type.Literal('token'), Type.Literal('trusted-proxy')], {
        default: 'token',
        description: 'trusted-proxy wants trustedProxy and gateway.trustedProxies; tokens work either way.',
      }),
    ),
    oidc: Type.Optional(
      Type.Array(OidcEntry, { maxItems: 16, description: 'Identity providers whose bearer tokens count.' }),
    ),
    trustedProxy: Type.Optional(TrustedProxy),
    allowTailscale: Type.Optional(Type.Literal(false)),
    rateLimit: Type.Optional(
      Type.Object(
        {
          maxAttempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 10 })),
          windowMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 60_000 })),
          lockoutMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 300_000 })),
          exemptLoopback: Type.Optional(Type.Literal(false)),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: 'How callers prove who they are.' },
);
