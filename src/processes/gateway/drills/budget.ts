import type { BudgetRange } from '../../../controls/budget/drills.ts';
import type { RangeContext } from '../../../controls/drills/index.ts';
import { asGatehouseError } from '../../../kernel/index.ts';
import type { Core } from '../../core.ts';

/** The live budgets as drills see them: an agent of the drill's own, which may use one run a day. */
export function budgetPorts({ budget }: Core, context: RangeContext): Pick<BudgetRange, 'useOneRun'> {
  return {
    async useOneRun({ id }) {
      const agent = `drill-${id}`;
      await context.willMake('budget', agent);
      const subject = { principal: 'gatehouse', agent };
      try {
        const set = await budget.reserve(
          { subject, trace: id, agentLimits: [{ runs: { day: 1 } }] },
          { runs: 1 },
        );
        await set.settle({ runs: 1 });
        return undefined;
      } catch (thrown) {
        const { code, details } = asGatehouseError(thrown);
        return { code, rule: String(details['limit'] ?? 'budget') };
      }
    },
  };
}
