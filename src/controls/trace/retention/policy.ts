import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, LedgerEvent } from '../../../kernel/index.ts';
import { archiveRange } from '../proof/archive.ts';
import { EVENT_COLUMNS, type RecordRow, toRecord } from '../record.ts';
import type { Sign } from '../signer.ts';
import type { RetentionOrder, RetiredPart } from './order.ts';
import { nextToRedact, nextToRemove, type Range, redactRange, removeRange } from './retire.ts';
import type { Retirement } from './retirement.ts';

export interface RetentionParts {
  readonly raw: DatabaseSync;
  readonly clock: Pick<Clock, 'now'>;
  readonly sign: Sign;
  append(event: LedgerEvent): Promise<unknown>;
}

/** Facts that outlive the records which state them: without them a restored database would bring tokens back (attack 81). */
const CARRIED = ['token.revoked'];

/** Take out what the policy says, in signed parts. Each part is whole or not there at all, whenever this is cut off. */
export async function applyRetention(
  parts: RetentionParts,
  order: RetentionOrder,
): Promise<readonly RetiredPart[]> {
  const { raw } = parts;
  const done: RetiredPart[] = [];
  const writers = raw.prepare('SELECT writer FROM heads ORDER BY writer').all();
  for (const { writer } of writers) {
    done.push(...(await ofWriter(parts, order, String(writer))));
  }
  // Until the log is cut, what was taken out still stands in it.
  if (done.length > 0 && order.dryRun !== true) raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  return done;
}

async function ofWriter(
  parts: RetentionParts,
  order: RetentionOrder,
  writer: string,
): Promise<readonly RetiredPart[]> {
  const { raw, clock, sign } = parts;
  const { policy, source, dryRun = false } = order;
  const done: RetiredPart[] = [];
  const cutoff = cutoffOf(raw, writer, clock.now(), order);
  const archive = (range: Range) => archiveRange(raw, range, policy.archive ?? '', source, clock.now());
  const removing = { raw, clock, sign, archive: policy.archive === undefined ? undefined : archive };
  const removeBefore = cutoff(policy.removeAfterMs);
  for (;;) {
    const range = nextToRemove(raw, writer, removeBefore);
    if (range === undefined) break;
    if (dryRun) return [...done, { kind: 'removed', ...place(range), archive: null }];
    const carried = carriedFrom(raw, range);
    for (const event of carried) await parts.append(event);
    done.push(await told(parts, await removeRange(removing, range)));
    await nextTurn();
  }
  const redactBefore = cutoff(policy.redactAfterMs);
  while (policy.redact.length > 0) {
    const range = nextToRedact(raw, writer, redactBefore);
    if (range === undefined) break;
    if (dryRun) return [...done, { kind: 'redacted', ...place(range), archive: null }];
    done.push(await told(parts, await redactRange(parts, range, policy.redact)));
    await nextTurn();
  }
  return done;
}

/**
 * Up to when something goes. A clock that jumped ahead must not empty the ledger (attack 99): on its own, retention
 * moves on by a bounded part of the ledger at a time.
 */
function cutoffOf(raw: DatabaseSync, writer: string, now: number, { heldFrom, step }: RetentionOrder) {
  const first = raw.prepare('SELECT at FROM records WHERE writer = ? ORDER BY seq LIMIT 1').get(writer);
  const oldest = Number(first?.['at'] ?? now);
  return (afterMs: number | undefined): number => {
    if (afterMs === undefined) return Number.NEGATIVE_INFINITY;
    return Math.min(
      now - afterMs,
      heldFrom ?? Number.POSITIVE_INFINITY,
      step === undefined ? now : oldest + step,
    );
  };
}

const place = ({ writer, from, to }: Range) => ({ writer, from, to });

async function told(parts: RetentionParts, retirement: Retirement): Promise<RetiredPart> {
  const { kind, writer, from, to, archive, root } = retirement;
  await parts.append({
    type: 'change',
    action: kind === 'removed' ? 'ledger.removed' : 'ledger.redacted',
    outcome: 'success',
    data: { id: `${writer}/${from}-${to}`, writer, from, to, root, ...(archive === '' ? {} : { archive }) },
  });
  return { kind, writer, from, to, archive: archive === '' ? null : archive };
}

function carriedFrom(raw: DatabaseSync, { writer, from, to }: Range): readonly LedgerEvent[] {
  const columns = ['writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'].join(', ');
  const rows = raw
    .prepare(
      `SELECT ${columns} FROM records WHERE writer = ? AND seq BETWEEN ? AND ? AND type = 'change'
       AND action IN (${CARRIED.map(() => '?').join(', ')}) ORDER BY seq`,
    )
    .all(writer, from, to, ...CARRIED);
  return rows.map((row) => {
    const { type, action, outcome, code, subject, data, seq, at } = toRecord(row as unknown as RecordRow);
    return {
      type,
      action,
      outcome,
      ...(code === undefined ? {} : { code }),
      ...(subject === undefined ? {} : { subject }),
      data: { ...data, carriedFrom: { writer, seq, at } },
    };
  });
}
