import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Alerts, Clock, Ledger, Logger, Random, Tripwire } from '../../kernel/index.ts';
import { Buckets } from './addresses.ts';
import { BrowserSessions } from './browser/sessions.ts';
import { BrowserStore } from './browser/store.ts';
import { AUTH_CODES } from './codes.ts';
import { ConnectLogin } from './connect-login.ts';
import { DeviceLogin } from './device-login.ts';
import { DeviceStore, deviceRecord, pendingDevice } from './device-store.ts';
import { Exposures } from './exposure/service.ts';
import { IdentityLogin } from './identities/login.ts';
import type { PrincipalDirectory, RequestCredentials } from './identities/types.ts';
import { LastUse } from './last-use.ts';
import { type LimiterSettings, LoginLimiter } from './limiter.ts';
import { LoginJournal } from './login-journal.ts';
import { OidcVerifier, type VerifierParts } from './oidc/verifier.ts';
import { credentialOf, Pairing } from './pairing.ts';
import { Principals } from './principals/service.ts';
import { PrincipalStore } from './principals/store.ts';
import { Revocations } from './revocations.ts';
import { Consumers } from './rotation/consumers.ts';
import { TokenRotation } from './rotation/service.ts';
import { RotationStore } from './rotation/store.ts';
import { SpikeWatch } from './spikes.ts';
import type { AuthTables } from './tables.ts';
import { type SetTimer, systemTimer } from './timer.ts';
import { issueToken } from './token-issue.ts';
import { TokenLogin } from './token-login.ts';
import { endOf, principalOf, TokenStore } from './token-store.ts';
import {
  type AddPrincipalRequest,
  type AuthService,
  type ChatApprover,
  type ConnectCredentials,
  type ConnectGrant,
  type DeviceRecord,
  type ExposedToken,
  type FoundToken,
  type IdentifiedToken,
  type Identity,
  type IssueTokenRequest,
  type PeerFacts,
  type PendingDevice,
  type Principal,
  type PrincipalRecord,
  type RotateRequest,
  type Rotation,
  type RotationStatus,
  SCOPES,
  type TokenSummary,
} from './types.ts';

export interface AuthParts {
  readonly db: Kysely<AuthTables>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly logger?: Logger;
  readonly limits?: LimiterSettings;
  /** Told of clients that are refused again and again (A9). */
  readonly alerts?: Alerts;
  /** Knows credentials that were planted to be found (K4). */
  readonly tripwire?: Tripwire;
  /** Stored principals; without them nobody is known by an identity. */
  readonly principals?: PrincipalDirectory;
  /** Identity providers, and how their keys are fetched. */
  readonly oidc?: Pick<VerifierParts, 'issuers' | 'fetch'>;
  readonly setTimer?: SetTimer;
  /** Resolves after so many milliseconds; slows failed logins down. */
  readonly delay?: (ms: number) => Promise<void>;
}

/** AuthService of a process that can be shut down. */
export interface RunningAuth extends AuthService {
  /**
   * Record a request that was refused before anybody could authenticate, for example for its Host or Origin, or one
   * of a principal that asks for more than its share.
   */
  recordRefusal(code: string, peer: PeerFacts, principal?: Principal): void;
  /**
   * End what is over and go on with rotations that an earlier process began. `revoked` are token ids that the
   * ledger says were revoked: a restored database does not bring them back (A4).
   */
  start(revoked: readonly string[]): Promise<readonly string[]>;
  /** Id of every version of a token that may still be used to the id of its first version. */
  liveFamilies(): Promise<ReadonlyMap<string, string>>;
  /** Tokens that were found where they should not be, and still work. */
  exposedTokens(): Promise<readonly ExposedToken[]>;
  /** Names under which addresses are counted; a drill borrows one of its own. */
  readonly buckets: Buckets;
  /** Write the counts of refused logins now and begin a new window, so that drills take no room in it. */
  settleRefusals(): void;
  /** End every version of a token that was made for a drill, and forget them: they were nobody's. */
  discardToken(name: string): Promise<void>;
  /** Forget a principal that was made for a drill, once it is disabled. */
  discardPrincipal(name: string): Promise<void>;
  /** Write the gathered last uses and failure counts; listeners are told nothing any more. */
  close(): Promise<void>;
}

/** Whoever can open the operator's socket owns the home; the directory's mode 0700 is the proof. */
const LOCAL_OPERATOR: Principal = Object.freeze({
  id: 'local',
  name: 'local operator',
  kind: 'socket',
  scopes: SCOPES,
  agents: ['*'],
  credentialId: 'socket:local',
});

/** Authentication over these tables. Importing or creating it starts nothing. */
export function createAuthService(parts: AuthParts): RunningAuth {
  return new Authentication(parts);
}

class Authentication implements RunningAuth {
  readonly #parts: AuthParts;
  readonly #tokens: TokenStore;
  readonly #devices: DeviceStore;
  readonly #journal: LoginJournal;
  readonly #lastUse: LastUse;
  readonly #revocations: Revocations;
  readonly #pairing: Pairing;
  readonly #login: TokenLogin;
  readonly #connect: ConnectLogin;
  readonly #identities: IdentityLogin;
  readonly browser: BrowserSessions;
  readonly buckets = new Buckets();
  readonly #principals: Principals;
  readonly #directory: PrincipalStore;
  readonly #consumers: Consumers;
  readonly #rotation: TokenRotation;
  readonly #exposures: Exposures;
  readonly #requestListeners = new Set<(request: PendingDevice) => void>();

  constructor(parts: AuthParts) {
    const { db, clock, random, ledger, logger } = parts;
    const setTimer = parts.setTimer ?? systemTimer;
    const lost = (what: string) => (cause: unknown) =>
      logger?.error(what, { error: cause instanceof Error ? cause.message : 'unknown' });
    this.#parts = parts;
    this.#tokens = new TokenStore(db);
    this.#devices = new DeviceStore(db);
    const limiter = new LoginLimiter(clock, parts.limits, this.buckets);
    const spikes = parts.alerts === undefined ? undefined : new SpikeWatch(clock, parts.alerts, this.buckets);
    const unrecorded = lost('a refused login could not be recorded');
    this.#journal = new LoginJournal(ledger, clock, setTimer, unrecorded, spikes, this.buckets);
    this.#lastUse = new LastUse(
      setTimer,
      (uses) => this.#tokens.recordUses(uses),
      lost('the last use of a token could not be written'),
    );
    this.#revocations = new Revocations(clock, setTimer);
    this.#pairing = new Pairing(this.#devices, clock, random, (request) => {
      for (const listener of this.#requestListeners) listener(request);
    });
    this.#consumers = new Consumers(db, setTimer, lost('uses of a token could not be written'));
    this.#login = new TokenLogin({
      consumers: this.#consumers,
      tokens: this.#tokens,
      limiter,
      journal: this.#journal,
      lastUse: this.#lastUse,
      clock,
      delay: parts.delay ?? ((ms) => sleep(ms)),
      ...(parts.tripwire === undefined ? {} : { tripwire: parts.tripwire }),
    });
    this.#exposures = new Exposures({ db, tokens: this.#tokens, clock, alerts: parts.alerts });
    this.#directory = new PrincipalStore(db);
    const principals = parts.principals ?? this.#directory;
    this.#principals = new Principals({ store: this.#directory, clock, ledger });
    this.#rotation = new TokenRotation({
      tokens: this.#tokens,
      rotations: new RotationStore(db),
      consumers: this.#consumers,
      revocations: this.#revocations,
      clock,
      random,
      ledger,
      setTimer,
      revoke: (id) => this.#revoke(id, 'rotated'),
      onLost: lost('a rotation could not go on'),
    });
    this.browser = new BrowserSessions({
      store: new BrowserStore(db),
      tokens: this.#tokens,
      principals,
      login: this.#login,
      journal: this.#journal,
      revocations: this.#revocations,
      ledger,
      clock,
      random,
      onLost: lost('a browser session could not be written'),
    });
    this.#identities = new IdentityLogin({
      principals,
      oidc: parts.oidc && new OidcVerifier({ ...parts.oidc, clock, logger, alerts: parts.alerts }),
      sessions: this.browser,
      login: this.#login,
      journal: this.#journal,
      clock,
    });
    const deviceLogin = new DeviceLogin({
      tokens: this.#tokens,
      devices: this.#devices,
      pairing: this.#pairing,
      login: this.#login,
      clock,
      random,
      ledger,
    });
    this.#connect = new ConnectLogin({
      clock,
      limiter,
      journal: this.#journal,
      login: this.#login,
      deviceLogin,
      revocations: this.#revocations,
      identities: this.#identities,
    });
  }

  localOperator(): Principal {
    return LOCAL_OPERATOR;
  }

  async authenticateToken(token: string | undefined, peer: PeerFacts): Promise<Principal> {
    return this.authenticateRequest({ bearer: token }, peer);
  }

  async authenticateRequest(credentials: RequestCredentials, peer: PeerFacts): Promise<Principal> {
    const [proven, ...more] = await this.#identities.prove(credentials, peer);
    const isToken = credentials.bearer !== undefined && !this.#identities.takes(credentials.bearer);
    if (proven === undefined) return this.#authenticateOwn(credentials.bearer, peer);
    if (isToken) {
      const principal = await this.#authenticateOwn(credentials.bearer, peer);
      return this.#identities.agreed([{ principal, expiresAt: null }, proven, ...more], peer).principal;
    }
    const { principal, expiresAt } = this.#identities.agreed([proven, ...more], peer);
    await this.#journal.accepted(principal, peer);
    this.#revocations.watch(principal.credentialId, expiresAt);
    return principal;
  }

  async #authenticateOwn(token: string | undefined, peer: PeerFacts): Promise<Principal> {
    const stored = await this.#login.verify(token, 'token', peer);
    if (stored.kind === 'device') return this.#login.refuseKnown('AUTH_DEVICE_PROOF_REQUIRED', stored, peer);
    const principal = principalOf(stored);
    await this.#journal.accepted(principal, peer);
    this.#revocations.watch(principal.credentialId, endOf(stored));
    return principal;
  }

  recordRefusal(code: string, peer: PeerFacts, principal?: Principal): void {
    const data = principal && { principal: principal.id, credential: principal.credentialId };
    this.#journal.refused(code, peer, data);
  }

  async discardToken(name: string): Promise<void> {
    let live = await this.#tokens.findLiveByName(name);
    while (live !== undefined) {
      await this.#revoke(live.summary.id, 'drill over');
      live = await this.#tokens.findLiveByName(name);
    }
    await this.#rotation.arm();
    await this.#consumers.flush();
    await this.#tokens.forget(name);
  }

  async discardPrincipal(name: string): Promise<void> {
    const known = await this.#directory.find(name);
    if (known === undefined) return;
    await this.disablePrincipal(known.id, LOCAL_OPERATOR);
    await this.#directory.forget(known.id);
  }

  settleRefusals(): void {
    this.#journal.flush();
  }

  authenticateConnect(
    credentials: ConnectCredentials,
    requestedScopes: readonly string[] | undefined,
    peer: PeerFacts,
  ): Promise<ConnectGrant> {
    return this.#connect.connect(credentials, requestedScopes, peer);
  }

  async issueToken(
    request: IssueTokenRequest,
  ): Promise<{ readonly token: string; readonly summary: TokenSummary }> {
    const { random, clock } = this.#parts;
    const owner =
      request.principal === undefined ? undefined : await this.#principals.show(request.principal);
    return issueToken(this.#tokens, random, clock, request, owner);
  }

  addPrincipal(request: AddPrincipalRequest, by: Principal): Promise<PrincipalRecord> {
    return this.#principals.add(request, by);
  }

  listPrincipals(): Promise<readonly PrincipalRecord[]> {
    return this.#principals.list();
  }

  showPrincipal(idOrName: string): Promise<PrincipalRecord> {
    return this.#principals.show(idOrName);
  }

  bindIdentity(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord> {
    return this.#principals.bind(idOrName, identity, by);
  }

  async unbindIdentity(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord> {
    const record = await this.#principals.unbind(idOrName, identity, by);
    // What was proven by it ends with it (A4); a chat sender is asked for at each answer and holds nothing.
    if (identity.kind !== 'chat') this.#revocations.announce(record.id, 'unbound');
    return record;
  }

  chatApprovers(): Promise<readonly ChatApprover[]> {
    return this.#principals.chatApprovers();
  }

  async chatOwner(sender: string): Promise<string | undefined> {
    return (await this.#directory.byIdentity('chat', sender))?.id;
  }

  async disablePrincipal(idOrName: string, by: Principal): Promise<PrincipalRecord> {
    const record = await this.#principals.disable(idOrName, by);
    this.#revocations.announce(record.id, 'disabled');
    for (const id of await this.#tokens.liveOf(record.id)) {
      this.#revocations.announce(id, 'disabled');
      for (const device of await this.#devices.childrenOf(id))
        this.#revocations.announce(credentialOf(device), 'disabled');
    }
    return record;
  }

  enablePrincipal(idOrName: string, by: Principal): Promise<PrincipalRecord> {
    return this.#principals.enable(idOrName, by);
  }

  rotateToken(request: RotateRequest, by: Principal) {
    return this.#rotation.rotate(request, by);
  }

  promoteRotation(name: string, by: Principal): Promise<Rotation> {
    return this.#rotation.promote(name, by);
  }

  finishRotation(name: string): Promise<Rotation> {
    return this.#rotation.finish(name);
  }

  abortRotation(name: string, by: Principal): Promise<Rotation> {
    return this.#rotation.abort(name, by);
  }

  tokenStatus(name?: string): Promise<readonly RotationStatus[]> {
    return this.#rotation.status(name);
  }

  liveFamilies(): Promise<ReadonlyMap<string, string>> {
    return this.#tokens.liveFamilies();
  }

  async start(revoked: readonly string[]): Promise<readonly string[]> {
    const brought: string[] = [];
    for (const id of revoked) {
      const token = await this.#tokens.find(id);
      if (token === undefined || token.summary.revokedAt !== null) continue;
      await this.#revoke(id, 'revoked before');
      brought.push(id);
    }
    await this.#rotation.arm();
    return brought;
  }

  async listTokens(): Promise<readonly TokenSummary[]> {
    return (await this.#tokens.list()).map((summary) => {
      const use = this.#lastUse.get(summary.id);
      return use === undefined ? summary : { ...summary, lastUsedAt: use.at, lastUsedFrom: use.from };
    });
  }

  identifyTokens(found: readonly FoundToken[], by: Principal): Promise<readonly IdentifiedToken[]> {
    return this.#exposures.identify(found, by);
  }

  exposedTokens(): Promise<readonly ExposedToken[]> {
    return this.#exposures.open();
  }

  async revokeToken(idOrName: string): Promise<TokenSummary> {
    const byId = await this.#tokens.find(idOrName);
    const token = byId?.kind === 'token' ? byId : await this.#tokens.findLiveByName(idOrName);
    if (token === undefined) throw AUTH_CODES.error('AUTH_TOKEN_UNKNOWN');
    const summary = await this.#revoke(token.summary.id, 'revoked');
    // A name is all its versions: whoever revokes it in a hurry does not mean one of two.
    let other = byId === undefined ? await this.#tokens.findLiveByName(idOrName) : undefined;
    while (other !== undefined) {
      await this.#revoke(other.summary.id, 'revoked');
      other = await this.#tokens.findLiveByName(idOrName);
    }
    await this.#rotation.arm();
    return summary;
  }

  /** The revocation stands although the ledger cannot take it; the record is what a restore is checked against. */
  async #revoke(id: string, reason: string): Promise<TokenSummary> {
    const token = await this.#tokens.find(id);
    if (token === undefined) throw AUTH_CODES.error('AUTH_TOKEN_UNKNOWN');
    const now = this.#parts.clock.now();
    await this.#tokens.revoke(id, now);
    this.#revocations.announce(id, reason);
    const { name, version } = token.summary;
    await this.#parts.ledger
      .append({
        type: 'change',
        action: 'token.revoked',
        outcome: 'success',
        data: { id, name, version, reason },
      })
      .catch(() => this.#parts.logger?.error('a revocation could not be recorded', { id }));
    await this.#devices.removeRequestsOf(id);
    for (const deviceId of await this.#devices.childrenOf(id)) {
      await this.#devices.remove(deviceId, now);
      this.#revocations.announce(credentialOf(deviceId), 'revoked');
    }
    return { ...token.summary, revokedAt: token.summary.revokedAt ?? now };
  }

  async listDevices(): Promise<{
    readonly pending: readonly PendingDevice[];
    readonly paired: readonly DeviceRecord[];
  }> {
    const [pending, paired] = [await this.#pairing.pending(), await this.#devices.list()];
    return { pending: pending.map(pendingDevice), paired: paired.map(deviceRecord) };
  }

  async approveDevice(requestId: string, approver: Principal): Promise<DeviceRecord> {
    const row = await this.#pairing.approved(requestId, approver);
    await this.#devices.save(row);
    return deviceRecord(row);
  }

  async rejectDevice(requestId: string): Promise<PendingDevice> {
    const row = await this.#pairing.find(requestId);
    await this.#devices.removeRequest(requestId);
    return pendingDevice(row);
  }

  async removeDevice(deviceId: string): Promise<DeviceRecord> {
    const row = await this.#devices.find(deviceId);
    if (row === undefined) throw AUTH_CODES.error('AUTH_DEVICE_UNKNOWN');
    await this.#devices.remove(deviceId, this.#parts.clock.now());
    this.#revocations.announce(credentialOf(deviceId), 'removed');
    await this.#parts.ledger
      .append({ type: 'change', action: 'device.removed', outcome: 'success', data: { id: deviceId } })
      .catch(() => this.#parts.logger?.error('a removed device could not be recorded', { deviceId }));
    return deviceRecord(row);
  }

  onRevoked(listener: (credentialId: string, reason: string) => void): () => void {
    return this.#revocations.listen(listener);
  }

  onDeviceRequest(listener: (request: PendingDevice) => void): () => void {
    this.#requestListeners.add(listener);
    return () => this.#requestListeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#revocations.close();
    this.#requestListeners.clear();
    this.#journal.flush();
    await this.#lastUse.flush();
    this.#rotation.close();
    await this.#consumers.flush();
  }
}
