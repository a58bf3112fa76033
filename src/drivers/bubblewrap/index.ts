export type { BubblewrapOptions } from './options.ts';
export { createBubblewrapSandbox } from './sandbox.ts';
