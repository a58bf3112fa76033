import type { Layer } from '../../kernel/index.ts';

/** OpenClaw's operator scopes. `operator.admin` implies all; `operator.write` implies `operator.read`. */
export const SCOPES = [
  'operator.read',
  'operator.write',
  'operator.approvals',
  'operator.pairing',
  'operator.questions',
  'operator.talk',
  'operator.talk.secrets',
  'operator.anchor',
  'operator.admin',
  'metrics.read',
] as const;
export type Scope = (typeof SCOPES)[number];

export type CredentialKind =
  | 'token'
  | 'device'
  | 'socket'
  | 'process'
  | 'oidc'
  | 'certificate'
  | 'proxy'
  | 'chat'
  | 'browser';

/** Listeners of their own, so that no port that is published for one purpose serves another (L3). */
export type Plane = 'users' | 'admin' | 'metrics' | 'webhooks';

/** A client certificate that the TLS handshake verified against the listener's authorities. */
export interface ClientCertificate {
  /** SHA-256 of the DER form, lower-case hex without colons. */
  readonly fingerprint: string;
  /** RFC 2253 text of the subject; for people, never compared alone. */
  readonly subject: string;
}

/** Who is behind a request, as its transport proved. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: CredentialKind;
  /** Already expanded: implied scopes are listed. */
  readonly scopes: readonly Scope[];
  /** Agent ids this principal may use; `*` is all. An empty list is none. */
  readonly agents: readonly string[];
  /** Credential that proved it, so that a revocation can end its connections. */
  readonly credentialId: string;
}

export interface TokenSummary {
  readonly id: string;
  readonly name: string;
  /** 1, 2, 3 ... of one name; a rotation issues the next. */
  readonly version: number;
  /** Whom it speaks for; it stays when the next version is issued. */
  readonly principal: string;
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  /** CIDR blocks the token may be used from; empty means any address that reaches the listener. */
  readonly addresses: readonly string[];
  readonly owner: string;
  readonly ticket: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedFrom: string | null;
}

export interface IssueTokenRequest {
  readonly name: string;
  /** Id or name of a stored principal; absent for one of its own. */
  readonly principal?: string;
  readonly scopes: readonly Scope[];
  readonly agents?: readonly string[];
  readonly addresses?: readonly string[];
  readonly owner?: string;
  readonly ticket?: string;
  readonly expiresAt?: number;
}

/**
 * What a transport vouches for: a subject of an identity provider, a certificate, a proxy's user, or a sender of a chat
 * channel as CHANNEL/ACCOUNT/ID.
 */
export interface Identity {
  readonly kind: 'oidc' | 'certificate' | 'proxy' | 'chat';
  readonly value: string;
}

/** Who there is. Its rights bound each of its credentials at every login (A2). */
export interface PrincipalRecord {
  /** `principal:<name>`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service';
  readonly owner: string;
  readonly ticket: string;
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  /** CIDR blocks; empty means any address that reaches the listener. */
  readonly addresses: readonly string[];
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly disabledAt: number | null;
  readonly identities: readonly Identity[];
}

/** A chat sender that stands for a principal, with no more than the right to answer approvals. */
export interface ChatApprover {
  /** CHANNEL/ACCOUNT/ID. */
  readonly sender: string;
  readonly principal: Principal;
}

export interface AddPrincipalRequest {
  readonly name: string;
  readonly kind: 'person' | 'service';
  readonly owner: string;
  readonly ticket: string;
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  readonly addresses: readonly string[];
  readonly expiresAt?: number;
  readonly identities: readonly Identity[];
}

export interface RotateRequest {
  /** Name or id of the token. */
  readonly name: string;
  /** Milliseconds that the old version goes on. */
  readonly sunsetMs?: number;
  /** Address blocks that alone may use the new version until it is promoted. */
  readonly canary?: readonly string[];
  readonly ticket: string;
  readonly owner?: string;
}

export interface Rotation {
  readonly id: string;
  readonly name: string;
  readonly oldToken: string;
  readonly newToken: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly sunsetAt: number;
  readonly ticket: string;
  readonly owner: string;
  readonly by: string;
  readonly status: 'running' | 'done' | 'aborted';
  readonly endedAt: number | null;
}

/** A client that was seen with a token. */
export interface Consumer {
  readonly token: string;
  readonly address: string;
  /** The client's own word; it decides nothing. */
  readonly userAgent: string;
  /** Unix milliseconds. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly uses: number;
  readonly failures: number;
  readonly lastFailureAt: number | null;
  readonly lastFailure: string | null;
}

/** One live version of a token, and who is on it. */
export interface RotationStatus {
  readonly token: TokenSummary;
  readonly role: 'only' | 'old' | 'new';
  readonly rotation: Rotation | null;
  readonly consumers: readonly (Consumer & {
    readonly state: 'in use' | 'switched' | 'still on the old version' | 'not seen since the rotation began';
  })[];
}

/** A token that was found somewhere, by its digest (SHA-256 in hex). */
export interface FoundToken {
  readonly digest: string;
  /** Where, as the finder names it; nothing is read there. */
  readonly place?: string | undefined;
}

/** One of our tokens, known by its digest. */
export interface IdentifiedToken {
  readonly digest: string;
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly kind: 'token' | 'device';
  readonly principal: string;
  readonly owner: string;
  /** Why it is of no use any more; absent while it is live. */
  readonly retired?: 'revoked' | 'rotated' | 'expired';
}

/** A live token and the places where it was found. */
export interface ExposedToken {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly kind: 'token' | 'device';
  readonly places: readonly string[];
  /** Unix milliseconds. */
  readonly foundAt: number;
}

/** What the transport knows about a caller before it is authenticated. */
export interface PeerFacts {
  /** Canonical IP text, or `unix` for the operator's socket. */
  readonly address: string;
  readonly userAgent: string;
  readonly surface: 'http' | 'ws' | 'socket';
  /** The listener it came through; absent on the operator's socket. */
  readonly plane?: Plane;
  /** Others than this machine are at the other end, directly or through a listed proxy. */
  readonly published?: boolean;
  readonly certificate?: ClientCertificate;
  /** User that a listed proxy says it has authenticated; set from nobody else's headers. */
  readonly proxyUser?: string;
}

/** OpenClaw's device proof (protocol a.5). */
export interface DeviceProof {
  readonly id: string;
  readonly publicKey: string;
  readonly signature: string;
  readonly signedAt: number;
  readonly nonce: string;
}

export interface DeviceClaim {
  readonly proof: DeviceProof;
  readonly clientId: string;
  readonly clientMode: string;
  readonly role: string;
  readonly scopes: readonly string[];
  readonly platform: string;
  readonly deviceFamily: string;
  readonly displayName: string;
  /** The nonce that this socket was challenged with. */
  readonly challenge: string;
}

export interface DeviceRecord {
  readonly deviceId: string;
  readonly publicKey: string;
  readonly principal: string;
  readonly displayName: string;
  readonly platform: string;
  readonly role: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly approvedAt: number;
}

export interface PendingDevice {
  readonly requestId: string;
  readonly deviceId: string;
  readonly publicKey: string;
  readonly displayName: string;
  readonly platform: string;
  readonly clientId: string;
  readonly clientMode: string;
  readonly role: string;
  readonly scopes: readonly Scope[];
  readonly remoteIp: string;
  readonly reason: 'not-paired' | 'scope-upgrade' | 'metadata-upgrade' | 'role-upgrade';
  readonly createdAt: number;
}

/** What was presented at connect; fields are undefined when absent, and are never logged. */
export interface ConnectCredentials {
  readonly token?: string;
  readonly password?: string;
  readonly deviceToken?: string;
  readonly device?: DeviceClaim;
  /** Secret of a browser session, out of the cookie of the upgrade. */
  readonly session?: string;
}

export interface ConnectGrant {
  readonly principal: Principal;
  readonly role: string;
  /** Requested scopes ∩ what the principal has. */
  readonly scopes: readonly Scope[];
  /** All scopes of the credential. They say whose conversations these are, and give no right by themselves. */
  readonly holds?: readonly Scope[];
  /** Issued once for a device that proved itself with a valid token. */
  readonly deviceToken?: string;
  readonly deviceId?: string;
}

/** What a request shows besides what its transport proves; never logged. */
export interface RequestCredentials {
  /** Bearer token, ours or an identity provider's. */
  readonly bearer?: string | undefined;
  /** Secret of a browser session, out of its cookie. */
  readonly session?: string | undefined;
}

export interface LinkRequest {
  readonly by: Principal;
  /** Id or name of a stored principal; absent for the caller itself. */
  readonly principal?: string | undefined;
  readonly ttlMs?: number | undefined;
}

export interface LoginLink {
  /** Shown once; only its digest is kept. */
  readonly code: string;
  readonly principal: string;
  readonly name: string;
  readonly expiresAt: number;
}

export interface BrowserSession {
  readonly id: string;
  readonly principal: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** When it ends if nothing more is done in it. */
  readonly idleUntil: number;
  /** When it ends whatever is done in it. */
  readonly expiresAt: number;
  readonly address: string;
  readonly userAgent: string;
}

/** Login by a one-time link to a session that a browser holds in a cookie (A7). */
export interface BrowserLogin {
  /** @throws AUTH_LOGIN_NOT_YOURS, AUTH_PRINCIPAL_UNKNOWN, AUTH_LOGIN_FULL */
  link(request: LinkRequest): Promise<LoginLink>;
  /** The cookie's value for a code, which is used up by it. @throws AUTH_LOGIN_CODE_INVALID, AUTH_LOGIN_FULL */
  redeem(
    code: string,
    peer: PeerFacts,
  ): Promise<{ readonly secret: string; readonly session: BrowserSession }>;
  /** Open sessions, the newest first. */
  list(): Promise<readonly BrowserSession[]>;
  /** @throws AUTH_SESSION_UNKNOWN */
  end(id: string, reason: string): Promise<BrowserSession>;
  /** Something was asked over an open connection of this session: it is not idle. */
  touch(credentialId: string): void;
}

/** Every way in ends here. Failures are GatehouseErrors with codes of AUTH_CODES and are in the ledger. */
export interface AuthService {
  /** Bearer token of an HTTP request. */
  authenticateToken(token: string | undefined, peer: PeerFacts): Promise<Principal>;
  /** Everything that an HTTP request shows, and what its transport proves; all of it must be one principal. */
  authenticateRequest(credentials: RequestCredentials, peer: PeerFacts): Promise<Principal>;
  /** `connect` of the WebSocket protocol: a token, a device proof, or both (protocol a.5, a.6). */
  authenticateConnect(
    credentials: ConnectCredentials,
    requestedScopes: readonly string[] | undefined,
    peer: PeerFacts,
  ): Promise<ConnectGrant>;
  readonly browser: BrowserLogin;
  /** Principal of the operator's own socket, which only the home's owner can open. */
  localOperator(): Principal;
  addPrincipal(request: AddPrincipalRequest, by: Principal): Promise<PrincipalRecord>;
  listPrincipals(): Promise<readonly PrincipalRecord[]>;
  showPrincipal(idOrName: string): Promise<PrincipalRecord>;
  bindIdentity(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord>;
  /** Counts at once. @throws AUTH_PRINCIPAL_UNKNOWN, AUTH_IDENTITY_UNBOUND */
  unbindIdentity(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord>;
  /** Who may answer approvals from a chat now; read anew each time (A4). */
  chatApprovers(): Promise<readonly ChatApprover[]>;
  /** Id of the principal that a chat sender stands for, whatever it may do; undefined for none. */
  chatOwner(sender: string): Promise<string | undefined>;
  /** Its credentials stop at once, and its connections end within one second. */
  disablePrincipal(idOrName: string, by: Principal): Promise<PrincipalRecord>;
  enablePrincipal(idOrName: string, by: Principal): Promise<PrincipalRecord>;
  rotateToken(
    request: RotateRequest,
    by: Principal,
  ): Promise<{ readonly token: string; readonly summary: TokenSummary; readonly rotation: Rotation }>;
  promoteRotation(name: string, by: Principal): Promise<Rotation>;
  finishRotation(name: string): Promise<Rotation>;
  abortRotation(name: string, by: Principal): Promise<Rotation>;
  tokenStatus(name?: string): Promise<readonly RotationStatus[]>;
  issueToken(request: IssueTokenRequest): Promise<{ readonly token: string; readonly summary: TokenSummary }>;
  listTokens(): Promise<readonly TokenSummary[]>;
  /** Say which of our tokens these are; a live one that was found somewhere raises an alert. */
  identifyTokens(found: readonly FoundToken[], by: Principal): Promise<readonly IdentifiedToken[]>;
  revokeToken(idOrName: string): Promise<TokenSummary>;
  listDevices(): Promise<{
    readonly pending: readonly PendingDevice[];
    readonly paired: readonly DeviceRecord[];
  }>;
  approveDevice(requestId: string, approver: Principal): Promise<DeviceRecord>;
  rejectDevice(requestId: string): Promise<PendingDevice>;
  removeDevice(deviceId: string): Promise<DeviceRecord>;
  /** Called once per credential that stops being valid; live connections of it must end within one second. */
  onRevoked(listener: (credentialId: string, reason: string) => void): () => void;
  onDeviceRequest(listener: (request: PendingDevice) => void): () => void;
}

/** The rights of a principal as a layer of authority. */
export type PrincipalLayer = (principal: Principal) => Layer;
