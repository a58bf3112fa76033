import {
  Deadlines,
  GRANT_CODES,
  type GrantPolicy,
  type GrantRecord,
  grantDigest,
  grantProblem,
  grantTrace,
  kernelGrants,
} from '../../controls/grants/index.ts';
import type { Alerts, Clock, Grant, Ledger, Logger, Subject } from '../../kernel/index.ts';
import { judgeDestination } from '../grant-values.ts';

/** Milliseconds between two looks when nobody tells of a change. */
const LOOK_MS = 5_000;
/** Uses of one grant in a minute beyond which somebody should look. */
export const UNUSUAL_USES = 120;
const MINUTE_MS = 60_000;

/** Where egress reads grants for itself. */
export interface GrantSource {
  /** Those that are stored as in force; rows that cannot be read are left out. */
  read(): readonly GrantRecord[];
  /** Whether the ledger holds a record of exactly this grant. */
  recorded(trace: string, digest: string): boolean;
}

export interface EgressGrantParts {
  readonly source: GrantSource;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: () => GrantPolicy;
  /** Called after every change of `current`. */
  readonly onChange: () => void;
}

interface Uses {
  count: number;
  since: number;
  told: boolean;
}

/**
 * The grants of connections, as egress itself believes them: read from the store, never from what the gateway says;
 * still allowed by the install's own policy; recorded in the ledger under the same digest; and recorded once more in
 * egress's own chain before they open anything (D7, decision 0013).
 */
export class EgressGrants {
  readonly #parts: EgressGrantParts;
  readonly #deadlines: Deadlines;
  /** Digests that egress has recorded itself. */
  readonly #applied = new Map<string, string>();
  readonly #uses = new Map<string, Uses>();
  #current: readonly GrantRecord[] = [];
  #key = '';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: EgressGrantParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(parts.clock);
  }

  current(): readonly Grant[] {
    return this.#current.flatMap(kernelGrants);
  }

  /** Look now, and again by itself. Never rejects: what cannot be read opens nothing. */
  refresh(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** A connection was admitted by a grant. */
  used(id: string, subject: Subject): void {
    const record = this.#current.find((one) => one.id === id);
    if (record === undefined) return;
    const now = this.#parts.clock.monotonic();
    const known = this.#uses.get(id);
    if (known === undefined && record.breakglass) this.#tell(record, subject, 'is used for the first time');
    const uses =
      known !== undefined && now - known.since < MINUTE_MS ? known : { count: 0, since: now, told: false };
    uses.count += 1;
    this.#uses.set(id, uses);
    if (uses.count <= UNUSUAL_USES || uses.told) return;
    uses.told = true;
    this.#tell(record, subject, `was used more than ${UNUSUAL_USES} times within a minute`);
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const inForce: GrantRecord[] = [];
    let next = LOOK_MS;
    for (const record of this.#read()) {
      if (record.kind !== 'net.connect' || record.status !== 'active') continue;
      const left = this.#deadlines.left(record);
      if (left <= 0 || !(await this.#holds(record))) continue;
      next = Math.min(next, left);
      inForce.push(record);
    }
    const ids = new Set(inForce.map(({ id }) => id));
    this.#deadlines.forget(ids);
    for (const map of [this.#applied, this.#uses])
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    this.#current = inForce;
    const key = inForce.map(({ id }) => `${id} ${this.#applied.get(id)}`).join();
    if (key !== this.#key) {
      this.#key = key;
      this.#parts.onChange();
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.refresh(), Math.ceil(next)).unref();
  }

  #read(): readonly GrantRecord[] {
    try {
      return this.#parts.source.read();
    } catch (cause) {
      this.#parts.logger.error('grants could not be read, so none is in force', { cause: String(cause) });
      return [];
    }
  }

  async #holds(record: GrantRecord): Promise<boolean> {
    const digest = grantDigest(record);
    const problem =
      grantProblem(record, this.#parts.policy(), judgeDestination) ?? this.#unrecorded(record, digest);
    if (problem !== undefined) {
      const { code, fix } = GRANT_CODES.error('GRANT_NOT_HONOURED');
      const title = `egress does not honour the grant ${record.id}: ${problem}`;
      this.#parts.alerts.raise({
        rule: 'grant.not-honoured',
        code,
        severity: 'high',
        title,
        fix,
        key: record.id,
      });
      return false;
    }
    if (this.#applied.get(record.id) === digest) return true;
    const { id, match, subject, ticket, expiresAt } = record;
    try {
      await this.#parts.ledger.append({
        type: 'change',
        action: 'grant.applied',
        outcome: 'success',
        rule: `grant:${id}`,
        subject: { ...subject, principal: record.requestedBy },
        trace: grantTrace(id),
        data: { digest, match, ticket, expiresAt },
      });
    } catch {
      return false;
    }
    this.#applied.set(id, digest);
    return true;
  }

  #unrecorded(record: GrantRecord, digest: string): string | undefined {
    if (this.#applied.get(record.id) === digest) return undefined;
    const recorded = this.#parts.source.recorded(grantTrace(record.id), digest);
    return recorded ? undefined : 'the ledger holds no record of it';
  }

  #tell(record: GrantRecord, subject: Subject, what: string): void {
    const { code, fix } = GRANT_CODES.error('GRANT_USED_OFTEN');
    this.#parts.alerts.raise({
      rule: 'grant.unusual',
      code,
      severity: record.breakglass ? 'high' : 'warning',
      title: `the grant ${record.id} (${record.ticket}) ${what}`,
      fix,
      key: `${record.id} ${what}`,
      subject,
    });
  }
}
