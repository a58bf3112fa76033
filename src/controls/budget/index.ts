export { BUDGET_CODES } from './codes.ts';
export { createBudget } from './service.ts';
export { type BudgetTables, migrations } from './tables.ts';
export type { Budget, BudgetService, BudgetSettings, Spender } from './types.ts';
