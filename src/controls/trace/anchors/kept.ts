import type { Kysely } from 'kysely';
import type { Alerts, Clock, Ledger, Subject } from '../../../kernel/index.ts';
import { checkpointHash, parseCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { LEDGER_CODES } from '../codes.ts';
import type { EvidenceTables } from '../evidence/tables.ts';

/** Checkpoints that one answer holds. */
const PAGE = 200;

export interface KeptCheckpoint extends SignedCheckpoint {
  readonly id: number;
}

export interface KeptParts {
  readonly db: Kysely<EvidenceTables>;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Pick<Alerts, 'raise'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Checkpoints of other installs: each principal has its own, adds to them, and can neither change nor remove any. */
export interface KeptCheckpoints {
  /** @throws LEDGER_ANCHOR_CONFLICT, LEDGER_ANCHOR_INVALID */
  keep(subject: Subject, checkpoints: readonly SignedCheckpoint[]): Promise<number>;
  list(principal: string, after: number): Promise<readonly KeptCheckpoint[]>;
  newest(principal: string): Promise<KeptCheckpoint | undefined>;
}

export function createKeptCheckpoints({ db, ledger, alerts, clock }: KeptParts): KeptCheckpoints {
  const own = (principal: string) =>
    db
      .selectFrom('kept_checkpoints')
      .select(['id', 'payload', 'key_id as keyId', 'signature'])
      .where('principal', '=', principal);
  return {
    async keep(subject, checkpoints) {
      const { principal } = subject;
      const rows = checkpoints.map(({ payload, keyId, signature }) => {
        const id = parseCheckpoint(payload)?.id;
        if (id === undefined || id < 1) throw LEDGER_CODES.error('LEDGER_ANCHOR_INVALID');
        return { principal, id, at: clock.now(), payload, key_id: keyId, signature };
      });
      for (const row of rows) {
        const there = await own(principal).where('id', '=', row.id).executeTakeFirst();
        if (there === undefined || there.payload === row.payload) continue;
        alerts.raise({
          rule: 'ledger.anchor-conflict',
          code: 'LEDGER_ANCHOR_CONFLICT',
          severity: 'critical',
          title: `${principal} shows another history of its ledger than before, from checkpoint ${row.id} on`,
          fix: 'Run `gatehouse ledger verify` on the install that sent it, and keep both ledgers for inspection.',
          key: principal,
          subject,
          data: {
            checkpoint: row.id,
            kept: checkpointHash(there.payload),
            shown: checkpointHash(row.payload),
          },
        });
        throw LEDGER_CODES.error('LEDGER_ANCHOR_CONFLICT', undefined, { details: { checkpoint: row.id } });
      }
      const last = rows.at(-1);
      if (last === undefined) return 0;
      // Recorded first: our own chain then says what we were shown, whatever becomes of the table.
      await ledger.append({
        type: 'change',
        action: 'ledger.anchor-kept',
        outcome: 'success',
        subject,
        data: { from: rows[0]?.id, to: last.id, hash: checkpointHash(last.payload), keyId: last.key_id },
      });
      await db
        .insertInto('kept_checkpoints')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return last.id;
    },
    list: (principal, after) => own(principal).where('id', '>', after).orderBy('id').limit(PAGE).execute(),
    newest: (principal) => own(principal).orderBy('id', 'desc').limit(1).executeTakeFirst(),
  };
}
