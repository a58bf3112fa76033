export { incomingTrace } from './incoming.ts';
export { Tracer } from './tracer.ts';
