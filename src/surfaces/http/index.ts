export type { HttpSurfaceParts } from './parts.ts';
export { renewCertificate } from './server.ts';
export { createHttpSurface, type HttpSurface } from './surface.ts';
