import { type Clock, GatehouseError } from '../../kernel/index.ts';
import { AUTH_CODES } from './codes.ts';
import type { DeviceEntry, DeviceLogin } from './device-login.ts';
import { judgeProof, signedSecret } from './device-proof.ts';
import type { IdentityLogin } from './identities/login.ts';
import type { Proven } from './identities/types.ts';
import type { LoginLimiter } from './limiter.ts';
import type { LoginJournal } from './login-journal.ts';
import { openClawDetails } from './openclaw-details.ts';
import type { Revocations } from './revocations.ts';
import { commonScopes } from './scopes.ts';
import type { TokenLogin, TokenSource } from './token-login.ts';
import { endOf, principalOf, type StoredToken } from './token-store.ts';
import type { ConnectCredentials, ConnectGrant, DeviceClaim, PeerFacts } from './types.ts';

export interface ConnectLoginParts {
  readonly clock: Clock;
  readonly limiter: LoginLimiter;
  readonly journal: LoginJournal;
  readonly login: TokenLogin;
  readonly deviceLogin: DeviceLogin;
  readonly revocations: Revocations;
  readonly identities: IdentityLogin;
}

/** `connect` of the WebSocket protocol: a token, a device proof, or both (protocol a.5, a.6). */
export class ConnectLogin {
  readonly #parts: ConnectLoginParts;

  constructor(parts: ConnectLoginParts) {
    this.#parts = parts;
  }

  async connect(
    credentials: ConnectCredentials,
    requestedScopes: readonly string[] | undefined,
    peer: PeerFacts,
  ): Promise<ConnectGrant> {
    try {
      return await this.#connect(credentials, requestedScopes ?? [], peer);
    } catch (thrown) {
      throw withOpenClaw(thrown, credentials);
    }
  }

  async #connect(
    credentials: ConnectCredentials,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<ConnectGrant> {
    const claim = credentials.device;
    if (claim !== undefined) await this.#prove(claim, credentials, wanted, peer);
    const [proven, ...more] = await this.#identities(credentials, peer);
    const token = this.#parts.identities.takes(credentials.token)
      ? undefined
      : await this.#firstValid(credentials, peer);
    // A node is a device and nothing else; for anybody else the proof of a device adds nothing to an identity.
    if (proven !== undefined && token === undefined && claim?.role !== 'node') {
      return this.#connectIdentity(this.#parts.identities.agreed([proven, ...more], peer), wanted, peer);
    }
    if (proven !== undefined && token !== undefined) {
      this.#parts.identities.agreed(
        [{ principal: principalOf(token), expiresAt: null }, proven, ...more],
        peer,
      );
    }
    if (claim === undefined) return this.#connectWithoutDevice(token, wanted, peer);
    const { grant, expiresAt } = await this.#connectDevice(token, claim, wanted, peer);
    await this.#parts.journal.accepted(grant.principal, peer, grant.deviceId);
    this.#parts.revocations.watch(grant.principal.credentialId, expiresAt);
    return grant;
  }

  #identities(credentials: ConnectCredentials, peer: PeerFacts): Promise<readonly Proven[]> {
    const { token, password, deviceToken, session } = credentials;
    const bearer = [token, password, deviceToken].find((text) => text !== undefined && text !== '');
    return this.#parts.identities.prove(
      { bearer: this.#parts.identities.takes(token) ? token : bearer, session },
      peer,
    );
  }

  async #connectIdentity(
    { principal, expiresAt }: Proven,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<ConnectGrant> {
    const scopes = commonScopes(wanted, principal.scopes);
    await this.#parts.journal.accepted(principal, peer);
    this.#parts.revocations.watch(principal.credentialId, expiresAt);
    return { principal: { ...principal, scopes }, role: 'operator', scopes, holds: principal.scopes };
  }

  async #connectWithoutDevice(
    token: StoredToken | undefined,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<ConnectGrant> {
    if (token === undefined) return this.#refuse('AUTH_DEVICE_REQUIRED', peer);
    if (token.kind === 'device')
      return this.#parts.login.refuseKnown('AUTH_DEVICE_PROOF_REQUIRED', token, peer);
    const principal = principalOf(token);
    const scopes = commonScopes(wanted, principal.scopes);
    await this.#parts.journal.accepted(principal, peer);
    this.#parts.revocations.watch(principal.credentialId, endOf(token));
    return { principal: { ...principal, scopes }, role: 'operator', scopes, holds: principal.scopes };
  }

  async #connectDevice(
    token: StoredToken | undefined,
    claim: DeviceClaim,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<DeviceEntry> {
    const { deviceLogin, login } = this.#parts;
    if (token?.kind === 'device' && token.deviceId !== claim.proof.id) {
      return login.refuseKnown('AUTH_DEVICE_TOKEN_INVALID', token, peer);
    }
    try {
      return token?.kind === 'token'
        ? await deviceLogin.withToken(token, claim, wanted, peer)
        : await deviceLogin.withoutToken(claim, wanted, peer, token);
    } catch (thrown) {
      if (thrown instanceof GatehouseError) {
        this.#parts.journal.refused(thrown.code, peer, { device: claim.proof.id });
      }
      throw thrown;
    }
  }

  /** The proof is checked before any token: a peer that cannot sign learns nothing about what it presents. */
  async #prove(
    claim: DeviceClaim,
    credentials: ConnectCredentials,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<void> {
    const { clock, deviceLogin, limiter, journal, login } = this.#parts;
    if (claim.role !== 'operator' && claim.role !== 'node') return this.#refuse('AUTH_ROLE_UNKNOWN', peer);
    const bucket = await deviceLogin.bucketOf(claim, peer);
    try {
      limiter.check(bucket);
    } catch (locked) {
      journal.refused('AUTH_RATE_LIMITED', peer, { kind: bucket.kind });
      throw locked;
    }
    const signsWanted = JSON.stringify(claim.scopes) === JSON.stringify(wanted);
    const refusal = signsWanted
      ? judgeProof(claim, signedSecret(credentials), clock.now())
      : 'AUTH_DEVICE_SIGNATURE_INVALID';
    if (refusal !== undefined) await login.refuse(refusal, bucket, peer);
  }

  #refuse(code: 'AUTH_DEVICE_REQUIRED' | 'AUTH_ROLE_UNKNOWN', peer: PeerFacts): never {
    this.#parts.journal.refused(code, peer);
    throw AUTH_CODES.error(code);
  }

  /**
   * The first of the presented secrets that is valid. A wrong one counts even when a later one is right, so that
   * a good credential does not pay for guessing another.
   */
  async #firstValid(credentials: ConnectCredentials, peer: PeerFacts): Promise<StoredToken | undefined> {
    let failure: unknown;
    for (const [text, source] of presented(credentials)) {
      try {
        return await this.#parts.login.verify(text, source, peer);
      } catch (thrown) {
        // The last refusal is told: clients drop a stale device token when they read that it is the culprit.
        failure = thrown;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }
}

function presented(credentials: ConnectCredentials): readonly (readonly [string, TokenSource])[] {
  const seen = new Set<string>();
  const found: [string, TokenSource][] = [];
  const add = (text: string | undefined, source: TokenSource): void => {
    const trimmed = text?.trim() ?? '';
    if (trimmed === '' || seen.has(trimmed)) return;
    seen.add(trimmed);
    found.push([trimmed, source]);
  };
  const isDeviceToken = credentials.token !== undefined && credentials.token === credentials.deviceToken;
  add(credentials.token, isDeviceToken ? 'device-token' : 'token');
  add(credentials.password, 'password');
  add(credentials.deviceToken, 'device-token');
  return found;
}

function withOpenClaw(thrown: unknown, credentials: ConnectCredentials): unknown {
  if (!(thrown instanceof GatehouseError) || thrown.details['openclaw'] !== undefined) return thrown;
  const openclaw = openClawDetails(thrown.code, {
    hasDevice: credentials.device !== undefined,
    hasDeviceToken: Boolean(credentials.deviceToken),
    byPassword: !credentials.token && !credentials.deviceToken && Boolean(credentials.password),
  });
  if (openclaw === undefined) return thrown;
  return new GatehouseError(thrown.code, thrown.message, {
    fix: thrown.fix,
    status: thrown.status,
    cause: thrown.cause,
    details: { ...thrown.details, openclaw },
  });
}
