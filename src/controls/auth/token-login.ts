import type { Clock, Tripwire } from '../../kernel/index.ts';
import { addressAllowed } from './addresses.ts';
import { AUTH_CODES } from './codes.ts';
import type { LastUse } from './last-use.ts';
import type { FailureBucket, LoginLimiter } from './limiter.ts';
import type { LoginJournal } from './login-journal.ts';
import type { Consumers } from './rotation/consumers.ts';
import { sameDigest, tokenDigest, tokenIdOf } from './token-format.ts';
import type { StoredToken, TokenStore } from './token-store.ts';
import type { PeerFacts } from './types.ts';

/** Compared with when there is no such token. */
const NO_DIGEST = '0'.repeat(64);

/** Why a token that was proven is of no use here and now. */
export type TokenRefusal =
  | 'AUTH_TOKEN_REVOKED'
  | 'AUTH_TOKEN_EXPIRED'
  | 'AUTH_TOKEN_CANARY'
  | 'AUTH_PRINCIPAL_DISABLED'
  | 'AUTH_PRINCIPAL_EXPIRED'
  | 'AUTH_ADDRESS_NOT_ALLOWED';

/** An empty list of canaries is nobody, where an empty list of addresses is everybody. */
function inCanary(blocks: readonly string[], address: string): boolean {
  return blocks.length > 0 && addressAllowed(blocks, address);
}

/** Characters of a presented text that are looked at. */
const MAX_LOOKED_AT = 4_096;

/** The field a text was presented in; each counts its failures apart. */
export type TokenSource = 'token' | 'password' | 'device-token';

export interface TokenLoginParts {
  readonly tokens: TokenStore;
  readonly limiter: LoginLimiter;
  readonly journal: LoginJournal;
  readonly lastUse: LastUse;
  /** Who uses which token from where. */
  readonly consumers: Pick<Consumers, 'used' | 'failed'>;
  readonly clock: Clock;
  readonly tripwire?: Tripwire;
  /** Resolves after so many milliseconds. */
  readonly delay: (ms: number) => Promise<void>;
}

/** Proves a token, counts and records what fails, and tells nothing about a token whose secret was not shown. */
export class TokenLogin {
  readonly #parts: TokenLoginParts;

  constructor(parts: TokenLoginParts) {
    this.#parts = parts;
  }

  /**
   * The live token that this text is, usable from this address.
   *
   * @throws AUTH_TOKEN_MISSING, AUTH_TOKEN_INVALID, AUTH_DEVICE_TOKEN_INVALID, AUTH_RATE_LIMITED, and to whoever
   *   holds the secret AUTH_TOKEN_EXPIRED, AUTH_TOKEN_REVOKED, AUTH_ADDRESS_NOT_ALLOWED
   */
  async verify(text: string | undefined, source: TokenSource, peer: PeerFacts): Promise<StoredToken> {
    const { tokens, journal } = this.#parts;
    if (text === undefined || text === '') {
      journal.refused('AUTH_TOKEN_MISSING', peer);
      throw AUTH_CODES.error('AUTH_TOKEN_MISSING');
    }
    const id = tokenIdOf(text);
    const stored = id === undefined ? undefined : await tokens.find(id);
    const bucket: FailureBucket =
      stored === undefined
        ? { kind: source, address: peer.address }
        : { kind: 'known-token', address: peer.address, id: stored.summary.id };
    // From here to the count of a failure nothing awaits: parallel guesses cannot outrun the limiter.
    this.checkLock(bucket, peer);
    // The same work for a token that does not exist: how long a refusal takes tells nothing about ids.
    const isSame = sameDigest(stored?.digest ?? NO_DIGEST, tokenDigest(text));
    if (stored === undefined || !isSame) {
      const { address } = peer;
      const seen = { where: `a login from ${address}`, data: { address, plane: peer.surface } };
      this.#parts.tripwire?.trips(text.slice(0, MAX_LOOKED_AT), seen);
      const code = source === 'device-token' ? 'AUTH_DEVICE_TOKEN_INVALID' : 'AUTH_TOKEN_INVALID';
      return this.refuse(code, bucket, peer, stored?.summary.id);
    }
    const refusal = this.refusalOf(stored, peer);
    if (refusal !== undefined) {
      this.#parts.consumers.failed(stored.summary.id, peer, this.#parts.clock.now(), refusal);
      return this.refuse(refusal, bucket, peer, stored.summary.id);
    }
    const now = this.#parts.clock.now();
    this.#parts.lastUse.note(stored.summary.id, { at: now, from: peer.address });
    if (stored.kind === 'token') this.#parts.consumers.used(stored.summary.id, peer, now);
    return stored;
  }

  /** Why a proven token is of no use here and now, if so. */
  refusalOf(stored: StoredToken, peer: PeerFacts): TokenRefusal | undefined {
    const { revokedAt, expiresAt, addresses } = stored.summary;
    const { bound, canary, sunsetAt } = stored;
    const now = this.#parts.clock.now();
    if (revokedAt !== null) return 'AUTH_TOKEN_REVOKED';
    // The end of a rotation counts by the clock, whether or not its timer has run yet.
    if (sunsetAt !== null && sunsetAt <= now) return 'AUTH_TOKEN_REVOKED';
    if (bound === 'missing' || (bound !== null && bound.disabledAt !== null))
      return 'AUTH_PRINCIPAL_DISABLED';
    if (bound !== null && bound.expiresAt !== null && bound.expiresAt <= now) return 'AUTH_PRINCIPAL_EXPIRED';
    if (expiresAt !== null && expiresAt <= now) return 'AUTH_TOKEN_EXPIRED';
    if (canary !== null && !inCanary(canary, peer.address)) return 'AUTH_TOKEN_CANARY';
    if (bound !== null && !addressAllowed(bound.addresses, peer.address)) return 'AUTH_ADDRESS_NOT_ALLOWED';
    return addressAllowed(addresses, peer.address) ? undefined : 'AUTH_ADDRESS_NOT_ALLOWED';
  }

  /** Count, record and slow down a failure, then throw it. */
  async refuse(
    code: keyof typeof AUTH_CODES.table,
    bucket: FailureBucket,
    peer: PeerFacts,
    credential?: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): Promise<never> {
    const { limiter, journal, delay } = this.#parts;
    const { delayMs, locked } = limiter.fail(bucket);
    const data = { ...facts, kind: bucket.kind, ...(credential === undefined ? {} : { credential }) };
    journal.refused(code, peer, data);
    if (locked) journal.refused('AUTH_RATE_LIMITED', peer, { ...data, lockedOut: true });
    if (delayMs > 0) await delay(delayMs);
    throw AUTH_CODES.error(code);
  }

  /** Refuse a token that is proven but of no use the way it came. */
  refuseKnown(code: keyof typeof AUTH_CODES.table, token: StoredToken, peer: PeerFacts): Promise<never> {
    const bucket = { kind: 'known-token', address: peer.address, id: token.summary.id } as const;
    return this.refuse(code, bucket, peer, token.summary.id);
  }

  /** @throws AUTH_RATE_LIMITED, recorded, while the bucket is locked */
  checkLock(bucket: FailureBucket, peer: PeerFacts): void {
    try {
      this.#parts.limiter.check(bucket);
    } catch (locked) {
      this.#parts.journal.refused('AUTH_RATE_LIMITED', peer, { kind: bucket.kind });
      throw locked;
    }
  }
}
