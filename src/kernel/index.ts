export * from './action.ts';
export * from './authority.ts';
export * from './decide.ts';
export * from './errors.ts';
export * from './finding.ts';
export * from './match.ts';
export * from './ports.ts';
export * from './taint.ts';
