export { createActivity } from './service.ts';
export { type ActivityTables, migrations } from './tables.ts';
