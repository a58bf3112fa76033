import {
  type Drill,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  SetupFailed,
} from '../../kernel/index.ts';

/** What drills of budgets need besides what every drill has. */
export interface BudgetRange extends DrillRange {
  /** Use one run as an agent of this mark's own, which may use one a day; the refusal, if there is one. */
  useOneRun(mark: DrillMark): Promise<DrillAttempt['refusal']>;
}

const overrun: Drill<BudgetRange> = {
  id: 'budget.overrun',
  title: 'one run more than a budget has',
  requirements: ['B1'],
  attacks: [90],
  codes: ['BUDGET_EXCEEDED'],
  rule: 'the limit of the agent',
  event: 'budget.reserve',
  alert: { rule: 'budget.use' },
  async run(range) {
    const mark = range.mark();
    const at = range.now();
    const first = await range.useOneRun(mark);
    if (first !== undefined)
      throw new SetupFailed(`the first run was refused already (${first.code}): is a budget used up?`);
    const refusal = await range.useOneRun(mark);
    const note = 'the first of the two runs counts in the budgets of the install';
    return [{ tried: 'two runs of an agent that may use one a day', mark, at, refusal, note }];
  },
};

/** Negative tests of what may be used (B1), on the live counters. */
export const BUDGET_DRILLS: readonly Drill<BudgetRange>[] = [overrun];
