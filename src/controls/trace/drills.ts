import {
  type Drill,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  SetupFailed,
} from '../../kernel/index.ts';
import type { LedgerProblem } from './types.ts';

/** A copy of the ledger in a place of its own; the live one is not touched. */
export interface LedgerCopy {
  readonly records: number;
  /** Change the copy as somebody who owns the file could. */
  change(sql: string): void;
  /** What `ledger verify` says of the copy. */
  problems(): Promise<readonly LedgerProblem[]>;
}

/** What drills of the ledger need besides what every drill has. */
export interface TraceRange extends DrillRange {
  copyOfLedger(mark: DrillMark): Promise<LedgerCopy>;
}

function tamperDrill(
  fixed: Pick<Drill, 'id' | 'title' | 'codes' | 'rule'> & { readonly tried: string },
  sql: string,
): Drill<TraceRange> {
  const { tried, ...rest } = fixed;
  return {
    ...rest,
    requirements: ['T1'],
    attacks: [],
    event: { none: 'a copy was changed; the live ledger, which is not, has nothing to say' },
    alert: { none: 'verification of a copy reports to whoever asked' },
    async run(range): Promise<readonly DrillAttempt[]> {
      const mark = range.mark();
      const copy = await range.copyOfLedger(mark);
      const before = await copy.problems();
      if (before.length > 0)
        throw new SetupFailed(
          `the ledger is damaged already: ${before[0]?.code ?? ''} (gatehouse ledger verify)`,
        );
      copy.change(sql);
      const at = range.now();
      const found = await copy.problems();
      const hit = found.find(({ code }) => rest.codes.includes(code)) ?? found[0];
      const note = `${copy.records} records verified in ${Math.round(range.now() - at)} ms`;
      const refusal = hit === undefined ? undefined : { code: hit.code };
      return [{ tried: `${tried} in a copy of ${copy.records} records`, mark, at, refusal, note }];
    },
  };
}

/** Some record that is neither the first nor the last. */
const MIDDLE = '(SELECT id FROM records ORDER BY id LIMIT 1 OFFSET (SELECT count(*) / 2 FROM records))';

/** Negative tests of the record of what happened (T1). */
export const TRACE_DRILLS: readonly Drill<TraceRange>[] = [
  tamperDrill(
    {
      id: 'trace.edited-record',
      title: 'a record of the ledger that was changed afterwards',
      codes: ['LEDGER_EDITED'],
      rule: 'the hash chain',
      tried: 'another outcome',
    },
    `UPDATE records SET outcome = CASE outcome WHEN 'success' THEN 'failure' ELSE 'success' END WHERE id = ${MIDDLE}`,
  ),
  tamperDrill(
    {
      id: 'trace.removed-record',
      title: 'a record of the ledger that was taken out',
      codes: ['LEDGER_MISSING', 'LEDGER_EDITED'],
      rule: 'the numbers of each writer, and the hash chain',
      tried: 'one record less',
    },
    `DELETE FROM records WHERE id = ${MIDDLE}`,
  ),
];
