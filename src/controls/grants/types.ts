import type { ActionKind, Grant } from '../../kernel/index.ts';

/** Whom a grant is for; each named identity must be equal. */
export interface GrantSubject {
  readonly agent?: string;
  readonly session?: string;
  /** Sessions of two principals may have the same key (S5). */
  readonly principal?: string;
}

/** What is asked for, before anybody has agreed. */
export interface GrantRequest {
  readonly kind: ActionKind;
  readonly match: Readonly<Record<string, readonly string[]>>;
  /** Ids of the layers that are widened; an action needs every layer. */
  readonly layers: readonly string[];
  readonly subject: GrantSubject;
  readonly owner: string;
  readonly ticket: string;
  readonly reason: string;
  readonly durationMs: number;
}

export type GrantStatus = 'waiting' | 'active' | 'ended';

/** A grant that was made by a command. */
export interface GrantRecord extends Omit<GrantRequest, 'durationMs'> {
  readonly id: string;
  readonly status: GrantStatus;
  readonly breakglass: boolean;
  readonly requestedBy: string;
  readonly approvedBy: string | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds; while it waits, when the request lapses. */
  readonly expiresAt: number;
  /** Milliseconds that were left when somebody last looked: a clock that is set back gives no more (attack 99). */
  readonly remainingMs: number;
  readonly durationMs: number;
  readonly endedAt: number | null;
  /** `expiry`, or who revoked or denied it. */
  readonly endedBy: string | null;
}

/** What the configuration lets a command grant (`grantPolicy`). */
export interface GrantPolicy {
  readonly enabled: boolean;
  readonly twoPersons: boolean;
  readonly maxHours: number;
  readonly kinds: readonly ActionKind[];
  /** Hosts that may be granted; absent means any public one. */
  readonly hosts?: readonly string[];
  readonly breakglass: { readonly enabled: boolean; readonly maxMinutes: number };
}

/** The kernel's grants of one record: one per layer, all under its id. */
export function kernelGrants(record: GrantRecord): readonly Grant[] {
  const { id, kind, match, subject, owner, ticket, reason, expiresAt } = record;
  return record.layers.map((layer) => ({
    id,
    layer,
    kind,
    match,
    subject,
    owner,
    ticket,
    reason,
    expires: expiresAt,
  }));
}
