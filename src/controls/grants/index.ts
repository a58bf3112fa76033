export { checkGrants } from './checks.ts';
export { GRANT_CODES } from './codes.ts';
export { Deadlines } from './deadlines.ts';
export {
  GRANTABLE_KINDS,
  grantDigest,
  grantProblem,
  grantTrace,
  type JudgeValue,
  MAX_GRANT_HOURS,
} from './rules.ts';
export { createGrantService, described, type GrantService } from './service.ts';
export { ACTIVE_GRANTS_SQL, type GrantTable, type GrantTables, migrations, recordOf } from './tables.ts';
export { type GrantPolicy, type GrantRecord, type GrantRequest, kernelGrants } from './types.ts';
