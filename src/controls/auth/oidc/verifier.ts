import type { JWTPayload } from 'jose';
import type { Alerts, Clock, Logger } from '../../../kernel/index.ts';
import { AUTH_CODES } from '../codes.ts';
import { type FetchDocument, KeyCache } from './key-cache.ts';
import { fits, isRecord, MAX_KEY_ID } from './key-set.ts';
import type { OidcIssuer } from './settings.ts';

/** Characters of a bearer token of an identity provider. */
export const MAX_JWT_LENGTH = 8_192;
/** Characters of a subject. */
const MAX_SUBJECT = 256;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Media types of tokens that say what a caller may do (RFC 9068 section 2.1); others, such as logout tokens, do not. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];

/** Whom a provider vouches for. */
export interface OidcSubject {
  /** `<issuer>|<subject>`, the value that a principal's identity of kind `oidc` is compared with. */
  readonly identity: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export interface VerifierParts {
  /** Read at every login, so that a reload counts at once. */
  readonly issuers: () => readonly OidcIssuer[];
  readonly fetch: FetchDocument;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** Told when a provider's keys cannot be read: whom it vouches for is locked out, at once or when the grace ends. */
  readonly alerts?: Alerts | undefined;
}

/** Our own tokens hold no dot; whatever does is for the identity providers. */
export function looksLikeJwt(text: string): boolean {
  return text.includes('.');
}

/**
 * Proves bearer tokens of identity providers (RFC 7519, RFC 8725). Which issuer and which key is taken from the
 * token; what they are is taken from the configuration and from the issuer alone: `jku`, `x5u`, `jwk` and `x5c`
 * in a token are not read.
 */
export class OidcVerifier {
  readonly #parts: VerifierParts;
  readonly #caches = new Map<string, KeyCache>();

  constructor(parts: VerifierParts) {
    this.#parts = parts;
  }

  get isConfigured(): boolean {
    return this.#parts.issuers().length > 0;
  }

  /** @throws AUTH_OIDC_TOKEN_INVALID, AUTH_OIDC_UNAVAILABLE, and for a proven token AUTH_TOKEN_EXPIRED */
  async verify(text: string): Promise<OidcSubject> {
    const head = readHead(text);
    const issuer = head === undefined ? undefined : this.#issuerOf(text);
    if (head === undefined || issuer === undefined) throw invalid();
    if (!(issuer.algorithms as readonly string[]).includes(head.alg)) throw invalid();
    const key = await this.#cacheOf(issuer).find(head.kid, issuer.offlineGraceSeconds * 1_000);
    if (key === undefined || !fits(key, head.alg)) throw invalid();
    const { jwtVerify, errors } = await import('jose');
    const now = this.#parts.clock.now();
    try {
      const { payload } = await jwtVerify(text, key.key, {
        algorithms: [head.alg],
        issuer: issuer.issuer,
        audience: issuer.audience,
        clockTolerance: issuer.clockSkewSeconds,
        currentDate: new Date(now),
        requiredClaims: ['exp'],
      });
      return subjectOf(payload, issuer, now);
    } catch (thrown) {
      if (thrown instanceof errors.JWTExpired) throw AUTH_CODES.error('AUTH_TOKEN_EXPIRED');
      if (thrown instanceof errors.JOSEError) throw invalid(thrown);
      throw thrown;
    }
  }

  /** Chosen by what the token claims, believed only once the chosen issuer's key has proven it. */
  #issuerOf(text: string): OidcIssuer | undefined {
    const claims = readPart(text.split('.')[1] ?? '');
    if (claims === undefined) return undefined;
    const { iss, aud } = claims;
    const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    return this.#parts
      .issuers()
      .find(({ issuer, audience }) => issuer === iss && audiences.includes(audience));
  }

  #cacheOf({ issuer, jwksUri }: OidcIssuer): KeyCache {
    const name = JSON.stringify([issuer, jwksUri]);
    const known = this.#caches.get(name);
    if (known !== undefined) return known;
    this.#forgetOthers();
    const cache = new KeyCache({ issuer, jwksUri }, this.#parts);
    this.#caches.set(name, cache);
    return cache;
  }

  /** Keys of an issuer that is configured no more do not come back with it. */
  #forgetOthers(): void {
    const current = this.#parts.issuers().map(({ issuer, jwksUri }) => JSON.stringify([issuer, jwksUri]));
    for (const name of this.#caches.keys()) if (!current.includes(name)) this.#caches.delete(name);
  }
}

function invalid(cause?: unknown): Error {
  return AUTH_CODES.error('AUTH_OIDC_TOKEN_INVALID', undefined, cause === undefined ? {} : { cause });
}

function readHead(text: string): { readonly alg: string; readonly kid: string } | undefined {
  if (text.length > MAX_JWT_LENGTH || !COMPACT.test(text)) return undefined;
  const head = readPart(text.split('.', 1)[0] ?? '');
  if (head === undefined) return undefined;
  const { alg, kid, typ, cty, crit } = head;
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid === '' || kid.length > MAX_KEY_ID)
    return undefined;
  // A token inside a token, and extensions that nobody here understands (RFC 7515 section 4.1.11).
  if (cty !== undefined || crit !== undefined) return undefined;
  if (!TYPES.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return undefined;
  return { alg, kid };
}

function readPart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function subjectOf(payload: JWTPayload, issuer: OidcIssuer, now: number): OidcSubject {
  const { exp, iat } = payload;
  const latest = now / 1_000 + issuer.clockSkewSeconds;
  if (exp === undefined || !Number.isFinite(exp)) throw invalid();
  if (iat !== undefined && (!Number.isFinite(iat) || iat > latest)) throw invalid();
  if (exp - (iat ?? now / 1_000) > issuer.maxLifetimeSeconds + issuer.clockSkewSeconds) throw invalid();
  for (const [name, wanted] of Object.entries(issuer.requiredClaims)) {
    if (!Object.hasOwn(payload, name) || payload[name] !== wanted) throw invalid();
  }
  const subject = Object.hasOwn(payload, issuer.subjectClaim) ? payload[issuer.subjectClaim] : undefined;
  // Printable only: the value goes into records and is compared with what an operator wrote.
  if (
    typeof subject !== 'string' ||
    subject.length > MAX_SUBJECT ||
    !/^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u.test(subject)
  ) {
    throw invalid();
  }
  return {
    identity: `${issuer.issuer}|${subject}`,
    expiresAt: (exp + issuer.clockSkewSeconds) * 1_000,
  };
}
