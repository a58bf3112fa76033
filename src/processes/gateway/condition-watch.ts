import type { ApprovalRecord } from '../../controls/execution/types.ts';
import { checkCertificates, type ListenerCertificate } from '../../controls/listen/index.ts';
import { LEDGER_CODES } from '../../controls/trace/index.ts';
import type { LedgerExtent, VerifyReport } from '../../controls/trace/types.ts';
import type { Alerts, Clock, Logger } from '../../kernel/index.ts';
import { PROCESS_CODES } from '../codes.ts';

/** Milliseconds between two looks at what nothing tells of by itself. */
export const CONDITION_WATCH_MS = 60_000;
/** Milliseconds between two proofs of the whole ledger. */
export const PROOF_EVERY_MS = 3_600_000;
/** Milliseconds that egress may be away: the keeper needs a moment to start it again. */
export const EGRESS_AWAY_MS = 10_000;
/** Milliseconds that the head of the ledger may stay unsigned. */
export const UNSIGNED_MS = 600_000;
/** Approvals that one look counts. */
const MAX_WAITING = 1_000;

export interface ConditionParts {
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly egress: { onState(listener: (state: 'up' | 'down') => void): () => void };
  readonly certificates: () => readonly ListenerCertificate[];
  readonly extent: () => Promise<LedgerExtent>;
  /** Prove the whole ledger, a few records at a time; `tellProof` hears of every proof. */
  readonly prove: () => Promise<unknown>;
  readonly waiting: (limit: number) => Promise<readonly Pick<ApprovalRecord, 'id' | 'title' | 'createdAt'>[]>;
  /** Milliseconds that an approval may wait. */
  readonly patienceMs: () => number;
  readonly every: (milliseconds: number, task: () => void) => () => void;
}

export interface ConditionWatch {
  /** Look now. */
  check(): Promise<void>;
  /** Prove the ledger now. */
  prove(): Promise<void>;
  stop(): void;
}

/** Raises alerts for conditions that come about without an event: something is away, too old, or waits too long. */
export function watchConditions(parts: ConditionParts): ConditionWatch {
  const { every, logger } = parts;
  const stopEgress = watchEgress(parts);
  const check = async (): Promise<void> => {
    tellCertificates(parts);
    await checkSigned(parts);
    await checkWaiting(parts);
  };
  // Whoever makes a proof tells of what it found.
  const prove = async (): Promise<void> => void (await parts.prove());
  const quietly = (task: () => Promise<void>) => (): void =>
    void task().catch((cause: unknown) =>
      logger.error('a condition could not be looked at', { cause: String(cause) }),
    );
  const stops = [
    stopEgress,
    every(CONDITION_WATCH_MS, quietly(check)),
    every(PROOF_EVERY_MS, quietly(prove)),
  ];
  return { check, prove, stop: () => stops.forEach((stop) => stop()) };
}

/** Told of `down` again and again while egress is away. */
function watchEgress({ egress, alerts, clock }: ConditionParts): () => void {
  let since: number | undefined;
  let told = false;
  return egress.onState((state) => {
    if (state === 'up') {
      since = undefined;
      told = false;
      return;
    }
    since ??= clock.monotonic();
    const away = clock.monotonic() - since;
    if (told || away < EGRESS_AWAY_MS) return;
    told = true;
    const { code, fix } = PROCESS_CODES.error('EGRESS_AWAY');
    alerts.raise({
      rule: 'egress.down',
      code,
      severity: 'critical',
      title: `egress has not answered for ${Math.round(away / 1_000)} s`,
      fix,
      key: 'egress',
      data: { awayMs: Math.round(away) },
    });
  });
}

function tellCertificates({ certificates, alerts, clock }: ConditionParts): void {
  const shown = certificates();
  for (const one of shown)
    for (const { id, severity, title, fix } of checkCertificates([one], clock.now())) {
      const { plane, address, expires } = one;
      alerts.raise({
        rule: 'listener.certificate',
        code: id,
        severity: severity === 'critical' ? 'critical' : 'high',
        title,
        fix,
        key: `${plane} ${address} ${expires}`,
        data: { plane, address, expires },
      });
    }
}

async function checkSigned({ extent, alerts, clock }: ConditionParts): Promise<void> {
  const { unsigned, signedAt, oldestUnsignedAt } = await extent();
  if (unsigned === 0 || oldestUnsignedAt === null || clock.now() - oldestUnsignedAt < UNSIGNED_MS) return;
  const { code, fix } = LEDGER_CODES.error('LEDGER_CHECKPOINT_FAILED');
  alerts.raise({
    rule: 'ledger.unsigned',
    code,
    severity: 'high',
    title: `${unsigned} records of the ledger are not signed, the oldest since ${new Date(oldestUnsignedAt).toISOString()}`,
    fix,
    key: 'ledger',
    data: { unsigned, signedAt },
  });
}

/** What a proof found; called by whoever made one. */
export function tellProof(
  { alerts }: Pick<ConditionParts, 'alerts'>,
  { ok, problems, problemsOmitted }: VerifyReport,
): void {
  const [first] = problems;
  if (ok || first === undefined) return;
  const { fix } = LEDGER_CODES.error(first.code);
  const more = problems.length + problemsOmitted - 1;
  alerts.raise({
    rule: 'ledger.broken',
    code: first.code,
    severity: 'critical',
    title: `${first.writer} record ${first.seq}: ${first.message}${more > 0 ? `, and ${more} more` : ''}`,
    fix,
    key: 'ledger',
    data: { writer: first.writer, seq: first.seq, problems: problems.length + problemsOmitted },
  });
}

async function checkWaiting({ waiting, patienceMs, alerts, clock }: ConditionParts): Promise<void> {
  const pending = await waiting(MAX_WAITING);
  const patience = patienceMs();
  const late = pending.filter(({ createdAt }) => clock.now() - createdAt >= patience);
  const [oldest] = [...late].sort((a, b) => a.createdAt - b.createdAt);
  if (oldest === undefined) return;
  const minutes = Math.floor((clock.now() - oldest.createdAt) / 60_000);
  const { code, fix } = PROCESS_CODES.error('APPROVALS_WAITING');
  alerts.raise({
    rule: 'approvals.waiting',
    code,
    severity: 'warning',
    title: `${late.length} approvals wait for a person, the oldest (${oldest.id}) for ${minutes} minutes`,
    fix,
    key: oldest.id,
    data: { waiting: late.length, oldest: oldest.id },
  });
}
