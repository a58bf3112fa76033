export { ALERTING_CODES } from './codes.ts';
export { ALERT_RULES, runbookAnchor } from './rules.ts';
export { createAlerting, type RunningAlerting } from './service.ts';
export { type AlertingTables, migrations } from './tables.ts';
