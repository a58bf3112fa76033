export { CONTENT_TYPE, exposition, type Family, OTHER, type Sample } from './exposition.ts';
