import type { Clock, Ledger, Random } from '../../../kernel/index.ts';
import { isAddressBlock } from '../addresses.ts';
import { AUTH_CODES } from '../codes.ts';
import type { Revocations } from '../revocations.ts';
import { mayGrant } from '../scopes.ts';
import type { SetTimer } from '../timer.ts';
import { mintToken, tokenDigest } from '../token-format.ts';
import type { StoredToken, TokenStore } from '../token-store.ts';
import type { Consumer, Principal, RotateRequest, Rotation, RotationStatus, TokenSummary } from '../types.ts';
import type { Consumers } from './consumers.ts';
import type { RotationStore } from './store.ts';

/** Milliseconds that the old version goes on unless said otherwise, and the bounds of what can be said. */
export const SUNSET_MS = 72 * 3_600_000;
export const MIN_SUNSET_MS = 1_000;
export const MAX_SUNSET_MS = 30 * 86_400_000;
/** Consumers named in the one record of a rotation. */
const MAX_RECORDED = 50;

export interface RotationParts {
  readonly tokens: TokenStore;
  readonly rotations: RotationStore;
  readonly consumers: Consumers;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly setTimer: SetTimer;
  /** Revoke one version with everything that hangs on it. */
  readonly revoke: (tokenId: string) => Promise<unknown>;
  readonly onLost: (cause: unknown) => void;
}

/**
 * Rotation without an outage (A3): version n+1 works beside version n until the sunset. Every step is on disk before
 * it is told, so a process that is killed between two of them goes on where it was.
 */
export class TokenRotation {
  readonly #parts: RotationParts;
  #cancel: (() => void) | undefined;

  constructor(parts: RotationParts) {
    this.#parts = parts;
  }

  /** @throws AUTH_TOKEN_UNKNOWN, AUTH_APPROVER_SCOPES, AUTH_ROTATION_RUNNING, AUTH_ROTATION_INVALID, AUTH_NOT_RECORDED */
  async rotate(
    request: RotateRequest,
    by: Principal,
  ): Promise<{ readonly token: string; readonly summary: TokenSummary; readonly rotation: Rotation }> {
    const { tokens, rotations, clock, random } = this.#parts;
    const now = clock.now();
    const sunsetMs = request.sunsetMs ?? SUNSET_MS;
    checkRotation(request, sunsetMs);
    const old = await this.#live(request.name);
    if (!mayGrant(by, old.stored.scopes, old.stored.agents)) throw AUTH_CODES.error('AUTH_APPROVER_SCOPES');
    if ((await rotations.runningOf(old.summary.name)) !== undefined)
      throw AUTH_CODES.error('AUTH_ROTATION_RUNNING');
    const { id, text } = mintToken(random);
    const next = successor(old, id, now, request);
    const rotation: Rotation = {
      id: random.uuid(),
      name: old.summary.name,
      oldToken: old.summary.id,
      newToken: id,
      startedAt: now,
      sunsetAt: now + sunsetMs,
      ticket: request.ticket,
      owner: request.owner ?? old.summary.owner,
      by: by.id,
      status: 'running',
      endedAt: null,
    };
    const seen = await this.#parts.consumers.of([old.summary.id]);
    await this.#record('token.rotation-started', rotation, by.id, { consumers: seen.length });
    // The rotation first: a new version without one would never end the old one.
    await rotations.insert(rotation);
    await tokens.insert({ ...next, digest: tokenDigest(text) });
    await tokens.setSunset(old.summary.id, rotation.sunsetAt);
    await this.arm();
    return { token: text, summary: next.summary, rotation };
  }

  /** Let everybody use the new version, not the canary alone. @throws AUTH_ROTATION_NONE */
  async promote(name: string, by: Principal): Promise<Rotation> {
    const rotation = await this.#running(name);
    await this.#record('token.rotation-promoted', rotation, by.id, {});
    await this.#parts.tokens.setCanary(rotation.newToken, null);
    return rotation;
  }

  /** End the old version now instead of at the sunset. @throws AUTH_ROTATION_NONE */
  async finish(name: string): Promise<Rotation> {
    return this.#finish(await this.#running(name));
  }

  /** Take the new version back; the old one goes on as if nothing had been. @throws AUTH_ROTATION_NONE */
  async abort(name: string, by: Principal): Promise<Rotation> {
    const rotation = await this.#running(name);
    const now = this.#parts.clock.now();
    await this.#parts.tokens.setSunset(rotation.oldToken, null);
    await this.#parts.rotations.end(rotation.id, 'aborted', now);
    await this.#parts.revoke(rotation.newToken);
    await this.#record('token.rotation-aborted', rotation, by.id, {});
    await this.arm();
    return { ...rotation, status: 'aborted', endedAt: now };
  }

  /** What a rotation looks like to whoever has to call people: versions, and who is on which. */
  async status(name?: string): Promise<readonly RotationStatus[]> {
    const { tokens, rotations, consumers } = this.#parts;
    const running = await rotations.running();
    const all = (await tokens.list()).filter((token) => name === undefined || token.name === name);
    if (name !== undefined && all.length === 0) throw AUTH_CODES.error('AUTH_TOKEN_UNKNOWN');
    const live = all.filter((token) => token.revokedAt === null);
    const seen = await consumers.of(live.map((token) => token.id));
    return live.map((token) => {
      const rotation = running.find(
        ({ oldToken, newToken }) => oldToken === token.id || newToken === token.id,
      );
      const role = rotation === undefined ? 'only' : rotation.oldToken === token.id ? 'old' : 'new';
      const own = seen.filter((consumer) => consumer.token === token.id);
      const others = rotation === undefined ? [] : seen.filter(({ token: id }) => id === rotation.newToken);
      return {
        token: { ...token, addresses: token.addresses },
        role,
        rotation: rotation ?? null,
        consumers: own.map((consumer) => ({ ...consumer, state: stateOf(consumer, role, others, rotation) })),
      };
    });
  }

  /** End what is over, and wait for the next sunset. Called at start, after every change and by its own timer. */
  async arm(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const { rotations, clock, setTimer, onLost, tokens } = this.#parts;
    for (const rotation of await rotations.running()) {
      if (await this.#repair(rotation)) continue;
      if (rotation.sunsetAt <= clock.now()) await this.#finish(rotation);
    }
    const [next] = await rotations.running();
    if (next === undefined) return;
    await tokens.setSunset(next.oldToken, next.sunsetAt);
    // Looked at again every hour at least: the wall clock may be set while the timer runs (attack 99).
    const wait = Math.min(Math.max(0, next.sunsetAt - clock.now()), 3_600_000);
    this.#cancel = setTimer(wait, () => void this.arm().catch(onLost));
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** A process that was killed before the new version was stored left a rotation to nowhere: nobody was shown a token. */
  async #repair(rotation: Rotation): Promise<boolean> {
    const { tokens, rotations, clock } = this.#parts;
    if ((await tokens.find(rotation.newToken)) !== undefined) return false;
    await tokens.setSunset(rotation.oldToken, null);
    await rotations.end(rotation.id, 'aborted', clock.now());
    await this.#record('token.rotation-aborted', rotation, 'gatehouse', { reason: 'interrupted' });
    return true;
  }

  async #finish(rotation: Rotation): Promise<Rotation> {
    const { rotations, consumers, clock, tokens } = this.#parts;
    const seen = await consumers.of([rotation.oldToken, rotation.newToken]);
    const onNew = seen.filter(({ token }) => token === rotation.newToken);
    const late = seen.filter(
      (consumer) => stateOf(consumer, 'old', onNew, rotation) === 'still on the old version',
    );
    await tokens.setCanary(rotation.newToken, null);
    await this.#parts.revoke(rotation.oldToken);
    const endedAt = clock.now();
    await rotations.end(rotation.id, 'done', endedAt);
    await this.#record('token.rotated', { ...rotation, endedAt }, rotation.by, {
      switched: onNew.slice(0, MAX_RECORDED).map(named),
      notSwitched: late.slice(0, MAX_RECORDED).map(named),
    }).catch(this.#parts.onLost);
    await this.arm();
    return { ...rotation, status: 'done', endedAt };
  }

  async #live(name: string): Promise<StoredToken> {
    const { tokens } = this.#parts;
    const byId = await tokens.find(name);
    const token = byId?.kind === 'token' ? byId : await tokens.findLiveByName(name);
    if (token === undefined || token.summary.revokedAt !== null) throw AUTH_CODES.error('AUTH_TOKEN_UNKNOWN');
    return token;
  }

  async #running(name: string): Promise<Rotation> {
    const rotation = await this.#parts.rotations.runningOf(name);
    if (rotation === undefined) throw AUTH_CODES.error('AUTH_ROTATION_NONE');
    return rotation;
  }

  /** @throws AUTH_NOT_RECORDED */
  async #record(
    action: string,
    rotation: Rotation,
    by: string,
    more: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { name, oldToken, newToken, startedAt, sunsetAt, endedAt, ticket, owner } = rotation;
    const data = { name, oldToken, newToken, startedAt, sunsetAt, endedAt, ticket, owner, ...more };
    try {
      const subject = { principal: by };
      await this.#parts.ledger.append({ type: 'change', action, outcome: 'success', subject, data });
    } catch (cause) {
      throw AUTH_CODES.error('AUTH_NOT_RECORDED', undefined, { cause });
    }
  }
}

function checkRotation({ canary, ticket }: RotateRequest, sunsetMs: number): void {
  const invalid = (message: string) => AUTH_CODES.error('AUTH_ROTATION_INVALID', message);
  if (!Number.isSafeInteger(sunsetMs) || sunsetMs < MIN_SUNSET_MS || sunsetMs > MAX_SUNSET_MS) {
    throw invalid('the sunset lies between one second and thirty days');
  }
  if (ticket.trim() === '' || ticket.length > 200) throw invalid('a rotation names its ticket');
  if (canary !== undefined && (canary.length === 0 || canary.length > 100 || !canary.every(isAddressBlock))) {
    throw invalid(
      'a canary is one or more IP addresses or CIDR blocks: what a client says of itself names nobody',
    );
  }
}

/** The same rights, principal and name under a new secret; a lifetime begins anew. */
function successor(old: StoredToken, id: string, now: number, request: RotateRequest): StoredToken {
  const { createdAt, expiresAt } = old.stored;
  const version = old.version + 1;
  const summary: TokenSummary = {
    ...old.stored,
    id,
    version,
    owner: request.owner ?? old.stored.owner,
    ticket: request.ticket,
    createdAt: now,
    expiresAt: expiresAt === null ? null : now + (expiresAt - createdAt),
    revokedAt: null,
    lastUsedAt: null,
    lastUsedFrom: null,
  };
  const canary = request.canary ?? null;
  return { ...old, digest: '', version, sunsetAt: null, canary, stored: summary, summary };
}

type ConsumerState = RotationStatus['consumers'][number]['state'];

function stateOf(
  consumer: Consumer,
  role: RotationStatus['role'],
  onNew: readonly Consumer[],
  rotation: Rotation | undefined,
): ConsumerState {
  if (role === 'only') return 'in use';
  if (role === 'new') return 'switched';
  const twin = onNew.find(
    ({ address, userAgent, uses }) =>
      uses > 0 && address === consumer.address && userAgent === consumer.userAgent,
  );
  if (twin !== undefined && twin.firstAt >= consumer.lastAt) return 'switched';
  if (consumer.lastAt < (rotation?.startedAt ?? 0)) return 'not seen since the rotation began';
  return 'still on the old version';
}

function named({ address, userAgent, uses, failures, lastAt }: Consumer) {
  return { address, userAgent, uses, failures, lastAt };
}
