export type { HttpSurfaceParts, Identity } from './parts.ts';
export { createHttpSurface, type HttpSurface } from './surface.ts';
