import type { Kysely } from 'kysely';
import type { Clock, Ledger, Logger, Random } from '../../../kernel/index.ts';
import type { ApprovalRequest } from '../types.ts';
import type { SetTimer } from './due-timer.ts';
import type { ApprovalJournal } from './journal.ts';
import type { ApprovalStore } from './store.ts';
import type { ApprovalTables } from './tables.ts';

/** Milliseconds that a standing approval (allow-always) lasts. */
export const STANDING_MS = 8 * 60 * 60 * 1000;
/** Milliseconds that an answer may stand at most. */
export const MAX_STANDING_MS = 7 * 24 * 60 * 60 * 1000;
/** Milliseconds that an approval stays open. */
export const APPROVAL_TTL_MS = 30 * 60 * 1000;

export interface ApprovalServiceOptions {
  readonly db: Kysely<ApprovalTables>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly logger: Logger;
  /** Milliseconds an approval stays open at most, default APPROVAL_TTL_MS. */
  readonly ttlMs?: number;
  /** Milliseconds, default STANDING_MS. */
  readonly standingMs?: number;
  /** The principal whose run asked may not answer it (four eyes); read at each answer. */
  readonly separateApprover?: boolean | (() => boolean);
  /** Who is behind a principal, where one person has several: a sender of a chat and the account it stands for. */
  readonly personOf?: (principal: string) => Promise<string>;
  /** Different people who must allow each action; read when it is asked. */
  readonly people?: () => number;
  readonly setTimer?: SetTimer;
}

/** What the steps of an approval's life share. */
export interface ApprovalParts {
  readonly options: ApprovalServiceOptions;
  readonly store: ApprovalStore;
  readonly journal: ApprovalJournal;
}

/** Milliseconds that a question stays open which nothing waits for. */
export const UNATTENDED_TTL_MS = 24 * 60 * 60 * 1000;

/** Milliseconds that an approval stays open: what was wished, and no more than the service allows. */
export function lifetimeMs(
  { options }: ApprovalParts,
  { ttlMs, unattended }: Pick<ApprovalRequest, 'ttlMs' | 'unattended'> = {},
): number {
  const most = unattended === true ? UNATTENDED_TTL_MS : (options.ttlMs ?? APPROVAL_TTL_MS);
  return Math.min(ttlMs ?? Number.POSITIVE_INFINITY, most);
}
