import { createHash } from 'node:crypto';
import type { Clock, Ledger, Random } from '../../../kernel/index.ts';
import { addressAllowed } from '../addresses.ts';
import { AUTH_CODES } from '../codes.ts';
import type { PrincipalDirectory, Proven } from '../identities/types.ts';
import { type LoginJournal, safeUserAgent } from '../login-journal.ts';
import type { Revocations } from '../revocations.ts';
import { commonScopes, coversScopes, expandScopes } from '../scopes.ts';
import type { TokenLogin } from '../token-login.ts';
import { readList, readScopes, type TokenStore } from '../token-store.ts';
import type { PeerFacts, Principal, Scope } from '../types.ts';
import type { BrowserStore, LoginCodeRow, SessionRow } from './store.ts';
import {
  type BrowserLogin,
  type BrowserSession,
  LINK_TTL_MS,
  type LinkRequest,
  type LoginLink,
  MAX_LINK_TTL_MS,
  MAX_OPEN_LINKS,
  MAX_OPEN_SESSIONS,
  SESSION_IDLE_MS,
  SESSION_LIFETIME_MS,
} from './types.ts';

/** Milliseconds between two writes of when a session was last used. */
const SEEN_EVERY_MS = 30_000;
const CODE_BYTES = 24;
const SECRET_BYTES = 32;
const ID_BYTES = 8;
/** Credential of the operator's own socket. */
const LOCAL = 'socket:local';
const SHAPE = /^[A-Za-z0-9_-]{32,64}$/;

export interface BrowserSessionParts {
  readonly store: BrowserStore;
  readonly tokens: TokenStore;
  readonly principals: PrincipalDirectory;
  readonly login: TokenLogin;
  readonly journal: LoginJournal;
  readonly revocations: Revocations;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly onLost: (cause: unknown) => void;
}

interface Rights {
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  /** When what it stands on ends, in Unix milliseconds. */
  readonly expiresAt: number | null;
}

/** Credential id of a session, under which it is recorded and revoked. */
export function sessionCredential(id: string): string {
  return `browser:${id}`;
}

/**
 * Login by a one-time link. A link and a session have the rights that they were made with, bounded at every
 * request by what their principal, and the credential that made them, may do by then.
 */
export class BrowserSessions implements BrowserLogin {
  readonly #parts: BrowserSessionParts;
  /** When open sessions were last used, and when they end whatever is done in them. */
  readonly #seen = new Map<string, { readonly at: number; readonly cap: number }>();

  constructor(parts: BrowserSessionParts) {
    this.#parts = parts;
    parts.revocations.listen((credentialId) => {
      this.#endOf(credentialId).catch(parts.onLost);
    });
  }

  async link(request: LinkRequest): Promise<LoginLink> {
    const { store, clock, random, ledger } = this.#parts;
    const now = clock.now();
    const rights = await this.#linkRights(request);
    await store.forget(now);
    if ((await store.openLinks(now)) >= MAX_OPEN_LINKS) throw AUTH_CODES.error('AUTH_LOGIN_FULL');
    const code = secretText(random, CODE_BYTES);
    const ttl = Math.min(request.ttlMs ?? LINK_TTL_MS, MAX_LINK_TTL_MS);
    const row: LoginCodeRow = {
      ...rights,
      digest: digestOf(code),
      created_by: request.by.id,
      created_at: now,
      expires_at: now + ttl,
      used_at: null,
    };
    await ledger.append({
      type: 'login',
      action: 'login.link-made',
      outcome: 'success',
      subject: { principal: request.by.id },
      data: { principal: row.principal, expiresAt: row.expires_at, credential: request.by.credentialId },
    });
    await store.addLink(row);
    return { code, principal: row.principal, name: row.name, expiresAt: row.expires_at };
  }

  async redeem(code: string, peer: PeerFacts) {
    const { store, clock, random, login, journal } = this.#parts;
    const now = clock.now();
    const row = SHAPE.test(code) ? await store.takeLink(digestOf(code), now) : undefined;
    const rights = row === undefined ? undefined : await this.#rightsOf(row, peer);
    if (row === undefined || rights === undefined) {
      const bucket = { kind: 'login-code', address: peer.address } as const;
      login.checkLock(bucket, peer);
      return login.refuse('AUTH_LOGIN_CODE_INVALID', bucket, peer);
    }
    if ((await store.open(now)).length >= MAX_OPEN_SESSIONS) throw AUTH_CODES.error('AUTH_LOGIN_FULL');
    const { principal, name, scopes, agents, parent } = row;
    const secret = secretText(random, SECRET_BYTES);
    const session: SessionRow = {
      principal,
      name,
      scopes,
      agents,
      parent,
      // Typed as an argument: it never begins with a dash.
      id: Buffer.from(random.bytes(ID_BYTES)).toString('hex'),
      digest: digestOf(secret),
      created_at: now,
      seen_at: now,
      expires_at: now + SESSION_LIFETIME_MS,
      ended_at: null,
      ended_reason: null,
      address: peer.address,
      user_agent: safeUserAgent(peer.userAgent),
    };
    await journal.accepted(this.#principalOf(session, rights), { ...peer, surface: 'ws' });
    await store.addSession(session);
    return { secret, session: this.#shown(session) };
  }

  /** @throws AUTH_SESSION_INVALID, AUTH_RATE_LIMITED */
  async prove(secret: string, peer: PeerFacts): Promise<Proven> {
    const { store, clock, login } = this.#parts;
    const row = SHAPE.test(secret) ? await store.byDigest(digestOf(secret)) : undefined;
    const now = clock.now();
    const isOpen = row !== undefined && row.ended_at === null && this.#endsAt(row) > now;
    const rights = isOpen ? await this.#rightsOf(row, peer) : undefined;
    if (row === undefined || rights === undefined) {
      const bucket = { kind: 'browser', address: peer.address } as const;
      login.checkLock(bucket, peer);
      return login.refuse('AUTH_SESSION_INVALID', bucket, peer, row && sessionCredential(row.id));
    }
    const cap = Math.min(row.expires_at, rights.expiresAt ?? Number.POSITIVE_INFINITY);
    this.#note(row.id, now, cap);
    return { principal: this.#principalOf(row, rights), expiresAt: Math.min(this.#endsAt(row), cap) };
  }

  async list(): Promise<readonly BrowserSession[]> {
    const rows = await this.#parts.store.open(this.#parts.clock.now());
    return rows.map((row) => this.#shown(row));
  }

  async end(id: string, reason: string): Promise<BrowserSession> {
    const { store, clock, revocations } = this.#parts;
    const now = clock.now();
    const row = (await store.open(now)).find((one) => one.id === id);
    if (row === undefined) throw AUTH_CODES.error('AUTH_SESSION_UNKNOWN');
    await store.end(id, now, reason);
    this.#seen.delete(id);
    revocations.announce(sessionCredential(id), reason);
    return this.#shown(row);
  }

  touch(credentialId: string): void {
    if (!credentialId.startsWith('browser:')) return;
    const id = credentialId.slice('browser:'.length);
    const known = this.#seen.get(id);
    if (known !== undefined) this.#note(id, this.#parts.clock.now(), known.cap);
  }

  #note(id: string, now: number, cap: number): void {
    const { store, revocations, onLost } = this.#parts;
    const before = this.#seen.get(id);
    if (before !== undefined && now - before.at < SEEN_EVERY_MS && cap === before.cap) return;
    this.#seen.set(id, { at: now, cap });
    store.seen(id, now).catch(onLost);
    revocations.watch(sessionCredential(id), Math.min(now + SESSION_IDLE_MS, cap));
  }

  /** Idle or too old, whichever comes first. */
  #endsAt(row: SessionRow): number {
    const seen = Math.max(row.seen_at, this.#seen.get(row.id)?.at ?? 0);
    return Math.min(seen + SESSION_IDLE_MS, row.expires_at);
  }

  /** A session ends with the principal or the credential that it stands on, or when it was idle for too long. */
  async #endOf(credentialId: string): Promise<void> {
    const { store, clock, revocations } = this.#parts;
    if (credentialId.startsWith('browser:')) {
      this.#seen.delete(credentialId.slice('browser:'.length));
      return;
    }
    const now = clock.now();
    for (const row of await store.open(now)) {
      if (row.parent !== credentialId && row.principal !== credentialId) continue;
      await store.end(row.id, now, 'revoked');
      revocations.announce(sessionCredential(row.id), 'revoked');
    }
  }

  /** Nobody makes a link for more than they have: a browser would keep what their own credential soon loses. */
  async #linkRights({ by, principal }: LinkRequest) {
    if (principal !== undefined && principal !== by.id && principal !== by.name) {
      const known = await this.#parts.principals.find(principal);
      if (known === undefined) throw AUTH_CODES.error('AUTH_PRINCIPAL_UNKNOWN');
      const scopes = expandScopes(known.scopes);
      const isCovered = coversScopes(by.scopes, scopes) && coversAgents(by.agents, known.agents);
      if (!by.scopes.includes('operator.admin') || !isCovered) throw AUTH_CODES.error('AUTH_LOGIN_NOT_YOURS');
      return rowRights(known.id, known.name, scopes, known.agents, null);
    }
    if (by.kind !== 'socket' && by.kind !== 'token') throw AUTH_CODES.error('AUTH_LOGIN_NOT_YOURS');
    return rowRights(by.id, by.name, by.scopes, by.agents, by.credentialId);
  }

  /** What it may do now, or undefined when nobody vouches for it any more. */
  async #rightsOf(row: LoginCodeRow | SessionRow, peer: PeerFacts): Promise<Rights | undefined> {
    const { principals, tokens, login, clock } = this.#parts;
    let rights: Rights = { scopes: readScopes(row.scopes), agents: readList(row.agents), expiresAt: null };
    if (row.parent !== null && row.parent !== LOCAL) {
      const token = await tokens.find(row.parent);
      if (token === undefined || login.refusalOf(token, peer) !== undefined) return undefined;
      rights = bounded(rights, token.summary);
    }
    if (row.parent !== null && !row.principal.startsWith('principal:')) return rights;
    const known = await principals.find(row.principal);
    if (known === undefined || known.disabledAt !== null) return undefined;
    if (known.expiresAt !== null && known.expiresAt <= clock.now()) return undefined;
    return addressAllowed(known.addresses, peer.address) ? bounded(rights, known) : undefined;
  }

  #principalOf(row: SessionRow, { scopes, agents }: Rights): Principal {
    const { principal: id, name } = row;
    return { id, name, kind: 'browser', scopes, agents, credentialId: sessionCredential(row.id) };
  }

  #shown(row: SessionRow): BrowserSession {
    return {
      id: row.id,
      principal: row.principal,
      name: row.name,
      scopes: readScopes(row.scopes),
      createdAt: row.created_at,
      lastSeenAt: Math.max(row.seen_at, this.#seen.get(row.id)?.at ?? 0),
      idleUntil: this.#endsAt(row),
      expiresAt: row.expires_at,
      address: row.address,
      userAgent: row.user_agent,
    };
  }
}

function rowRights(
  principal: string,
  name: string,
  scopes: readonly string[],
  agents: readonly string[],
  parent: string | null,
) {
  return { principal, name, scopes: JSON.stringify(scopes), agents: JSON.stringify(agents), parent };
}

/** The rights that both have; never more than either. */
function bounded(rights: Rights, by: Rights): Rights {
  const all = rights.agents.includes('*');
  const agents = by.agents.includes('*')
    ? rights.agents
    : by.agents.filter((agent) => all || rights.agents.includes(agent));
  const ends = [rights.expiresAt, by.expiresAt].filter((at) => at !== null);
  return {
    scopes: commonScopes(rights.scopes, by.scopes),
    agents,
    expiresAt: ends.length === 0 ? null : Math.min(...ends),
  };
}

function coversAgents(held: readonly string[], wanted: readonly string[]): boolean {
  return held.includes('*') || wanted.every((agent) => held.includes(agent));
}

/** Nothing to guess: a fast hash is enough. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function secretText(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('base64url');
}
