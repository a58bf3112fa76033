export { SANDBOX_CODES } from './codes.ts';
export type { BubblewrapOptions } from './options.ts';
export { createBubblewrapSandbox } from './sandbox.ts';
