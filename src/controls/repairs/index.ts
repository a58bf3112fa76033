export { checkHome } from './checks.ts';
export { REPAIR_CODES } from './codes.ts';
export { createRepairs, type RepairService } from './service.ts';
export { migrations, type RepairTables } from './tables.ts';
export type * from './types.ts';
