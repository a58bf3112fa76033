import { createHash } from 'node:crypto';
import { type Clock, GatehouseError } from '../../../kernel/index.ts';
import { addressAllowed } from '../addresses.ts';
import type { BrowserSessions } from '../browser/sessions.ts';
import { AUTH_CODES } from '../codes.ts';
import type { FailureBucket } from '../limiter.ts';
import type { LoginJournal } from '../login-journal.ts';
import { looksLikeJwt, type OidcVerifier } from '../oidc/verifier.ts';
import { expandScopes } from '../scopes.ts';
import type { TokenLogin } from '../token-login.ts';
import type { CredentialKind, PeerFacts } from '../types.ts';
import type {
  IdentityKind,
  KnownPrincipal,
  PrincipalDirectory,
  Proven,
  RequestCredentials,
} from './types.ts';

/** Characters of an identity that go into a record. */
const MAX_SHOWN = 200;

export interface IdentityLoginParts {
  readonly principals: PrincipalDirectory;
  /** Absent when no identity provider can be reached from this process. */
  readonly oidc?: OidcVerifier | undefined;
  readonly sessions: BrowserSessions;
  readonly login: TokenLogin;
  readonly journal: LoginJournal;
  readonly clock: Clock;
}

/** Ways in besides our own tokens and devices: what the transport proves, identity providers and browser sessions. */
export class IdentityLogin {
  readonly #parts: IdentityLoginParts;

  constructor(parts: IdentityLoginParts) {
    this.#parts = parts;
  }

  /** Whether this bearer is for an identity provider and not one of our own tokens. */
  takes(bearer: string | undefined): boolean {
    return bearer !== undefined && looksLikeJwt(bearer) && this.#parts.oidc?.isConfigured === true;
  }

  /**
   * Everything that was presented besides our own tokens, each proven; empty when there was nothing.
   *
   * @throws AUTH_CREDENTIALS_AMBIGUOUS for a bearer together with a browser session
   * @throws the first failure: a credential that is no good is never made up for by another one
   */
  async prove(credentials: RequestCredentials, peer: PeerFacts): Promise<readonly Proven[]> {
    const { bearer, session } = credentials;
    if (bearer !== undefined && session !== undefined)
      return this.#refused('AUTH_CREDENTIALS_AMBIGUOUS', peer);
    const found: Proven[] = [];
    if (bearer !== undefined && this.takes(bearer)) found.push(await this.#oidc(bearer, peer));
    if (session !== undefined) found.push(await this.#parts.sessions.prove(session, peer));
    if (peer.proxyUser !== undefined) found.push(await this.#mapped('proxy', peer.proxyUser, peer));
    if (peer.certificate !== undefined)
      found.push(await this.#mapped('certificate', peer.certificate.fingerprint, peer));
    return found;
  }

  /**
   * The one principal that all of them are. The first has the narrowest rights and says how long they last.
   *
   * @throws AUTH_IDENTITY_CONFLICT
   */
  agreed(proven: readonly [Proven, ...Proven[]], peer: PeerFacts): Proven {
    const [first, ...others] = proven;
    const conflict = others.find(({ principal }) => principal.id !== first.principal.id);
    if (conflict !== undefined) {
      const data = { principals: [first.principal.id, conflict.principal.id] };
      return this.#refused('AUTH_IDENTITY_CONFLICT', peer, data);
    }
    return first;
  }

  async #oidc(text: string, peer: PeerFacts): Promise<Proven> {
    const { oidc, login } = this.#parts;
    if (oidc === undefined) return this.#refused('AUTH_OIDC_TOKEN_INVALID', peer);
    let subject: Awaited<ReturnType<OidcVerifier['verify']>>;
    try {
      subject = await oidc.verify(text);
    } catch (thrown) {
      const code = thrown instanceof GatehouseError ? thrown.code : undefined;
      // An unreachable provider is nobody's wrong guess.
      if (code === 'AUTH_OIDC_UNAVAILABLE') this.#parts.journal.refused(code, peer, { kind: 'oidc' });
      if (code !== 'AUTH_OIDC_TOKEN_INVALID' && code !== 'AUTH_TOKEN_EXPIRED') throw thrown;
      const bucket = { kind: 'oidc', address: peer.address } as const;
      // Signatures cannot be guessed, so a good one is not held up by whoever sends bad ones through its address.
      login.checkLock(bucket, peer);
      return login.refuse(code, bucket, peer);
    }
    return this.#mapped('oidc', subject.identity, peer, { text, expiresAt: subject.expiresAt });
  }

  async #mapped(
    kind: IdentityKind,
    value: string,
    peer: PeerFacts,
    token?: { readonly text: string; readonly expiresAt: number },
  ): Promise<Proven> {
    const { principals, login } = this.#parts;
    const known = await principals.byIdentity(kind, value);
    const refusal = known === undefined ? 'AUTH_IDENTITY_UNKNOWN' : this.refusalOf(known, peer);
    const credentialId = `${kind}:${kind === 'certificate' ? value : shortDigest(token?.text ?? value)}`;
    if (known === undefined || refusal !== undefined) {
      const bucket: FailureBucket = {
        kind: 'known-identity',
        address: peer.address,
        id: `${kind}:${shortDigest(value)}`,
      };
      login.checkLock(bucket, peer);
      const data = { identityKind: kind, identity: shown(value) };
      return login.refuse(refusal ?? 'AUTH_IDENTITY_UNKNOWN', bucket, peer, credentialId, data);
    }
    const ends = [token?.expiresAt, known.expiresAt].filter((at) => typeof at === 'number');
    return {
      principal: principalAs(known, kind, credentialId),
      expiresAt: ends.length === 0 ? null : Math.min(...ends),
    };
  }

  /** Why a stored principal does not get in here and now, if so. */
  refusalOf(
    known: KnownPrincipal,
    peer: Pick<PeerFacts, 'address'>,
  ): 'AUTH_PRINCIPAL_DISABLED' | 'AUTH_PRINCIPAL_EXPIRED' | 'AUTH_ADDRESS_NOT_ALLOWED' | undefined {
    if (known.disabledAt !== null) return 'AUTH_PRINCIPAL_DISABLED';
    if (known.expiresAt !== null && known.expiresAt <= this.#parts.clock.now())
      return 'AUTH_PRINCIPAL_EXPIRED';
    return addressAllowed(known.addresses, peer.address) ? undefined : 'AUTH_ADDRESS_NOT_ALLOWED';
  }

  #refused(
    code: 'AUTH_CREDENTIALS_AMBIGUOUS' | 'AUTH_IDENTITY_CONFLICT' | 'AUTH_OIDC_TOKEN_INVALID',
    peer: PeerFacts,
    data: Readonly<Record<string, unknown>> = {},
  ): never {
    this.#parts.journal.refused(code, peer, data);
    throw AUTH_CODES.error(code);
  }
}

function principalAs(known: KnownPrincipal, kind: CredentialKind, credentialId: string): Proven['principal'] {
  const { id, name, scopes, agents } = known;
  return { id, name, kind, scopes: expandScopes(scopes), agents, credentialId };
}

/** Names a credential in records without being one. */
function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** An identity as an operator may copy it into a principal: printable and cut. */
function shown(value: string): string {
  return value.replace(/\p{C}/gu, '?').slice(0, MAX_SHOWN);
}
