export { DRILL_CODES } from './codes.ts';
export { DrillEngine } from './engine.ts';
export { drillHistory } from './record.ts';
export { selectDrills } from './select.ts';
export { type DrillTables, leftoverStore, migrations } from './tables.ts';
export * from './types.ts';
