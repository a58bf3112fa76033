export { type Prober, startProber } from './client.ts';
export type * from './protocol.ts';
