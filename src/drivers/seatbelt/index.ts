export { createSeatbeltSandbox } from './sandbox.ts';
