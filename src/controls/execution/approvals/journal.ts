import type { Ledger, LedgerEvent, Subject } from '../../../kernel/index.ts';
import { APPROVAL_CODES } from '../codes.ts';
import { type ApprovalRow, recordOf } from './store.ts';

/** Facts of an approval for the ledger: ids and digests, never the command's text. */
function facts(row: ApprovalRow): Readonly<Record<string, unknown>> {
  return {
    approval: row.id,
    binding: row.binding_hash,
    ...(row.decision === null ? {} : { decision: row.decision }),
    ...(row.standing_of === null ? {} : { standingOf: row.standing_of }),
  };
}

/** What happens to approvals, as records of the ledger. */
export class ApprovalJournal {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async record(
    action: string,
    outcome: LedgerEvent['outcome'],
    row: ApprovalRow,
    subject: Subject = recordOf(row).subject,
  ): Promise<void> {
    await this.#ledger.append({
      type: 'approval',
      action: `approval.${action}`,
      outcome,
      rule: row.rule,
      subject,
      data: { ...facts(row), session: row.session },
    });
  }

  /** Record a refusal and return the error to throw; a record that cannot be written refuses all the same. */
  async refuse(
    code: keyof typeof APPROVAL_CODES.table,
    subject: Subject | undefined,
    data: Readonly<Record<string, unknown>>,
  ): Promise<Error> {
    const event: LedgerEvent = { type: 'approval', action: 'approval.refused', outcome: 'deny', code, data };
    await this.#ledger.append(subject === undefined ? event : { ...event, subject });
    return APPROVAL_CODES.error(code);
  }
}
