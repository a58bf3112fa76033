import { defineCodes } from '../../kernel/index.ts';

export const BUDGET_CODES = defineCodes({
  BUDGET_EXCEEDED: {
    summary: 'a budget is used up',
    fix: 'Wait until the period ends, or raise the limit (`gatehouse budget show` names it).',
    status: 429,
  },
  BUDGET_NEARLY_USED: {
    summary: 'four fifths of a budget are used',
    fix: 'Look at who uses it with `gatehouse budget show`, and raise the limit or stop what runs too often.',
    status: 429,
  },
  BUDGET_PRICE_UNKNOWN: {
    summary: 'money is limited and nobody said what this model costs',
    fix: 'Add the model to budget.prices, per million tokens in and out.',
    status: 403,
  },
  BUDGET_UNAVAILABLE: {
    summary: 'the budget cannot be read or written, so nothing is used',
    fix: 'Look in logs/gateway.log; the disk may be full or state.db locked.',
    status: 503,
  },
});
