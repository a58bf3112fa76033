export { checkInstances } from './checks.ts';
export { INSTANCE_CODES } from './codes.ts';
export {
  checkNew,
  FIRST_PORT,
  freePort,
  type Instance,
  logPrefixOf,
  unitOf,
  unitText,
} from './rules.ts';
