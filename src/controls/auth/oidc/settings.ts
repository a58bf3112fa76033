/** Signature algorithms that can be asked for (RFC 7518, RFC 8037). There is no `none` and no shared secret here. */
export const OIDC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
] as const;
export type OidcAlgorithm = (typeof OIDC_ALGORITHMS)[number];

export const OIDC_DEFAULTS = {
  clockSkewSeconds: 60,
  offlineGraceSeconds: 3_600,
  maxLifetimeSeconds: 86_400,
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  subjectClaim: 'sub',
} as const satisfies Partial<OidcIssuer>;

/** One identity provider whose bearer tokens count, with every default in place. */
export interface OidcIssuer {
  /** Compared as text with `iss`, without any normalisation (OpenID Connect Core 1.0, 3.1.3.7). */
  readonly issuer: string;
  readonly audience: string;
  /** Absent: read from the issuer's discovery document. */
  readonly jwksUri?: string | undefined;
  readonly clockSkewSeconds: number;
  /** How long after the last good answer of the provider its known keys count. */
  readonly offlineGraceSeconds: number;
  /** Longest time between `iat` and `exp`. */
  readonly maxLifetimeSeconds: number;
  readonly algorithms: readonly OidcAlgorithm[];
  readonly subjectClaim: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
}

/** An issuer as the configuration names it. */
export type WrittenIssuer = Pick<OidcIssuer, 'issuer' | 'audience'> & {
  readonly [K in keyof Omit<OidcIssuer, 'issuer' | 'audience'>]?: OidcIssuer[K] | undefined;
};

export function issuerOf(written: WrittenIssuer): OidcIssuer {
  return {
    issuer: written.issuer,
    audience: written.audience,
    jwksUri: written.jwksUri,
    clockSkewSeconds: written.clockSkewSeconds ?? OIDC_DEFAULTS.clockSkewSeconds,
    offlineGraceSeconds: written.offlineGraceSeconds ?? OIDC_DEFAULTS.offlineGraceSeconds,
    maxLifetimeSeconds: written.maxLifetimeSeconds ?? OIDC_DEFAULTS.maxLifetimeSeconds,
    algorithms: written.algorithms ?? OIDC_DEFAULTS.algorithms,
    subjectClaim: written.subjectClaim ?? OIDC_DEFAULTS.subjectClaim,
    requiredClaims: written.requiredClaims ?? {},
  };
}

/** Where the provider describes itself (OpenID Connect Discovery 1.0, section 4). */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}
