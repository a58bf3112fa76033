export type { OciOptions } from './options.ts';
export { createOciSandbox } from './sandbox.ts';
export { createImageBuilder } from './setup.ts';
