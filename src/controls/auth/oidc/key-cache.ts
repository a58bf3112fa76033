import type { Alerts, Clock, Logger } from '../../../kernel/index.ts';
import { AUTH_CODES } from '../codes.ts';
import { isRecord, type KeySet, readKeySet, type VerificationKey } from './key-set.ts';
import { discoveryUrl, type OidcIssuer } from './settings.ts';

/** Bytes of a discovery document or of a JWK set. */
export const MAX_DOCUMENT_BYTES = 65_536;
/** Milliseconds after which keys are asked for again, in the background. */
export const FRESH_MS = 600_000;
/** Milliseconds between two looks at the provider, whoever asks for them: made-up key ids cost one look at most. */
export const COOLDOWN_MS = 30_000;
/** Milliseconds for one document. */
const FETCH_MS = 5_000;

/** Fetches through egress; the gateway itself dials nobody. */
export type FetchDocument = (
  url: string,
  init: { readonly signal: AbortSignal; readonly redirect: 'error' },
) => Promise<Response>;

interface Known {
  readonly keys: KeySet;
  /** Monotonic milliseconds of the answer. */
  readonly at: number;
}

/** The keys of one identity provider, with a bound on how old they get and on how often it is asked. */
export class KeyCache {
  readonly #issuer: Pick<OidcIssuer, 'issuer' | 'jwksUri'>;
  readonly #fetch: FetchDocument;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  readonly #alerts: Alerts | undefined;
  #known: Known | undefined;
  #asked: number | undefined;
  #failed = false;
  #asking: Promise<void> | undefined;

  constructor(
    issuer: Pick<OidcIssuer, 'issuer' | 'jwksUri'>,
    parts: {
      readonly fetch: FetchDocument;
      readonly clock: Clock;
      readonly logger?: Logger | undefined;
      readonly alerts?: Alerts | undefined;
    },
  ) {
    this.#issuer = issuer;
    this.#fetch = parts.fetch;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#alerts = parts.alerts;
  }

  /**
   * The key of this id, or undefined when the provider has none of that name.
   *
   * @throws AUTH_OIDC_UNAVAILABLE when the provider does not answer and what is known of it is too old or does not
   *   name this key
   */
  async find(id: string, graceMs: number): Promise<VerificationKey | undefined> {
    const known = this.#usable(graceMs)?.get(id);
    if (known !== undefined) {
      // Nobody waits for a provider while its keys are known.
      if (this.#age() > FRESH_MS) void this.#refresh();
      return known;
    }
    await this.#refresh();
    const keys = this.#usable(graceMs);
    const key = keys?.get(id);
    if (key === undefined && (keys === undefined || this.#failed)) {
      throw AUTH_CODES.error('AUTH_OIDC_UNAVAILABLE');
    }
    return key;
  }

  #age(): number {
    return this.#known === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - this.#known.at;
  }

  #usable(graceMs: number): KeySet | undefined {
    return this.#age() <= Math.max(FRESH_MS, graceMs) ? this.#known?.keys : undefined;
  }

  /** Ask the provider, once for all who wait and not again before the cooldown is over. Never throws. */
  #refresh(): Promise<void> {
    if (this.#asking !== undefined) return this.#asking;
    const now = this.#clock.monotonic();
    if (this.#asked !== undefined && now - this.#asked < COOLDOWN_MS) return Promise.resolve();
    this.#asked = now;
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      const keys = readKeySet(await this.#document(await this.#address()));
      if (keys === undefined) throw new Error('this is no JWK set, or one of too many keys');
      this.#known = { keys, at: this.#clock.monotonic() };
      this.#failed = false;
    } catch (thrown) {
      this.#failed = true;
      const error = thrown instanceof Error ? thrown.message : 'unknown';
      this.#logger?.warn('the keys of an identity provider could not be read', {
        issuer: this.#issuer.issuer,
        error,
      });
      const { issuer } = this.#issuer;
      this.#alerts?.raise({
        rule: 'auth.oidc-unavailable',
        code: 'AUTH_OIDC_UNAVAILABLE',
        severity: 'high',
        title: `the keys of the identity provider ${issuer} could not be read`,
        fix: 'Ask whoever runs the provider; `gatehouse egress check URL` says whether egress lets it through. Known keys count until offlineGraceSeconds are over; tokens of our own (gatehouse token issue) need no provider.',
        key: issuer,
        data: { issuer, keysAgeMs: this.#known === undefined ? null : Math.round(this.#age()) },
      });
    }
  }

  /** A discovery document speaks for its own issuer only (OpenID Connect Discovery 1.0, section 4.3). */
  async #address(): Promise<string> {
    const { issuer, jwksUri } = this.#issuer;
    if (jwksUri !== undefined) return jwksUri;
    const described = await this.#document(discoveryUrl(issuer));
    if (!isRecord(described) || described['issuer'] !== issuer) {
      throw new Error('the discovery document names another issuer');
    }
    const address = described['jwks_uri'];
    if (typeof address !== 'string') throw new Error('the discovery document names no jwks_uri');
    return address;
  }

  async #document(url: string): Promise<unknown> {
    const answer = await this.#fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' });
    if (answer.status !== 200 || answer.body === null) {
      await answer.body?.cancel();
      throw new Error(`the provider answered ${answer.status}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    // Leaving the loop early cancels the rest of the answer.
    for await (const chunk of answer.body) {
      size += chunk.byteLength;
      if (size > MAX_DOCUMENT_BYTES)
        throw new Error(`the document is larger than ${MAX_DOCUMENT_BYTES} bytes`);
      chunks.push(chunk);
    }
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))) as unknown;
  }
}
