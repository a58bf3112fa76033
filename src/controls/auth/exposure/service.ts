import type { Kysely } from 'kysely';
import type { Alerts, Clock } from '../../../kernel/index.ts';
import type { AuthTables } from '../tables.ts';
import { withoutSecrets } from '../token-format.ts';
import type { StoredToken, TokenStore } from '../token-store.ts';
import type { ExposedToken, FoundToken, IdentifiedToken, Principal } from '../types.ts';

/** Places kept of one token; the alert and the finding need one, an operator a few. */
export const MAX_PLACES = 20;

export interface ExposureParts {
  readonly db: Kysely<AuthTables>;
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly alerts?: Alerts | undefined;
}

/** Why a token is of no use any more; undefined while it is, or while an operator's command can make it so again. */
function retirementOf(token: StoredToken, now: number): IdentifiedToken['retired'] {
  const { revokedAt, expiresAt } = token.summary;
  const { bound, sunsetAt } = token;
  if (revokedAt !== null) return sunsetAt === null ? 'revoked' : 'rotated';
  if (sunsetAt !== null && sunsetAt <= now) return 'rotated';
  if (bound === 'missing') return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : undefined;
}

function identified(token: StoredToken, now: number): IdentifiedToken {
  const { id, name, version, principal, owner } = token.summary;
  const retired = retirementOf(token, now);
  const facts = { digest: token.digest, id, name, version, principal, owner, kind: token.kind };
  return retired === undefined ? facts : { ...facts, retired };
}

/** What to do about a live token that lies about. */
export function exposureFix({ kind, name }: Pick<IdentifiedToken, 'kind' | 'name'>): string {
  if (kind === 'device')
    return `Remove the device (gatehouse device list, gatehouse device remove DEVICE) and pair it again; delete the copy.`;
  return (
    `gatehouse token rotate ${name} --sunset 1h --ticket TICKET gives it a new version; once its consumers have it, ` +
    `gatehouse token rotate ${name} --now. If nobody needs it: gatehouse token revoke ${name}. Then delete the copy.`
  );
}

/** Knows which of our tokens a digest is of, and remembers where live ones were found (A8). */
export class Exposures {
  readonly #parts: ExposureParts;

  constructor(parts: ExposureParts) {
    this.#parts = parts;
  }

  /**
   * Say which tokens these are. A live one that was found somewhere is remembered and raises an alert. Whoever sends a
   * digest has the token: a digest of 256 random bits tells nothing to anybody else.
   */
  async identify(found: readonly FoundToken[], by: Principal): Promise<readonly IdentifiedToken[]> {
    const { tokens, clock } = this.#parts;
    const known = new Map<string, { readonly token: IdentifiedToken; readonly places: string[] }>();
    for (const { digest, place } of found) {
      let one = known.get(digest);
      if (one === undefined) {
        const token = await tokens.findByDigest(digest);
        if (token === undefined) continue;
        one = { token: identified(token, clock.now()), places: [] };
        known.set(digest, one);
      }
      if (place !== undefined) one.places.push(withoutSecrets(place));
    }
    for (const { token, places } of known.values())
      if (token.retired === undefined) await this.#exposed(token, places, by);
    return [...known.values()].map(({ token }) => token);
  }

  async #exposed(token: IdentifiedToken, found: readonly string[], by: Principal): Promise<void> {
    const { db, clock, alerts } = this.#parts;
    const places = [...new Set(found)].slice(0, MAX_PLACES);
    const [first] = places;
    if (first === undefined) return;
    const kept = await db
      .selectFrom('auth_exposures')
      .select('place')
      .where('token', '=', token.id)
      .limit(MAX_PLACES)
      .execute();
    const room = MAX_PLACES - kept.length;
    const fresh = places.filter((place) => !kept.some((one) => one.place === place)).slice(0, room);
    for (const place of fresh) {
      await db
        .insertInto('auth_exposures')
        .values({ token: token.id, place, found_at: clock.now(), found_by: by.id })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    alerts?.raise({
      rule: 'auth.token-exposed',
      code: 'AUTH_TOKEN_EXPOSED',
      severity: 'critical',
      title: `the live token ${token.name} (version ${token.version}) was found where it should not be`,
      fix: exposureFix(token),
      key: token.id,
      subject: { principal: token.principal },
      data: {
        token: token.id,
        owner: token.owner,
        places: places.slice(0, 5),
        found: found.length,
        by: by.id,
      },
    });
  }

  /** Tokens that were found somewhere and still work. */
  async open(): Promise<readonly ExposedToken[]> {
    const { db, tokens, clock } = this.#parts;
    const rows = await db.selectFrom('auth_exposures').selectAll().orderBy('found_at').execute();
    const open: ExposedToken[] = [];
    for (const id of new Set(rows.map(({ token }) => token))) {
      const token = await tokens.find(id);
      if (token === undefined || retirementOf(token, clock.now()) !== undefined) continue;
      const mine = rows.filter((row) => row.token === id);
      const { name, version } = token.summary;
      const places = mine.map(({ place }) => place);
      open.push({ id, name, version, kind: token.kind, places, foundAt: mine[0]?.found_at ?? 0 });
    }
    return open;
  }
}
