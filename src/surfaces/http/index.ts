export type { HttpSurfaceParts, Identity } from './parts.ts';
export { type ServerOptions, tlsOptions } from './server.ts';
export { createHttpSurface, type HttpSurface } from './surface.ts';
