export { createTrafficService } from './service.ts';
export { migrations, type TrafficTables } from './tables.ts';
export type { TrafficService } from './types.ts';
