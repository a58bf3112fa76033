export { CONFIG_CODES, PLAYBOOK_CODES } from './codes.ts';
export {
  egressRulesOf,
  type LoadOptions,
  loadConfigText,
  loadEffectiveConfig,
} from './load.ts';
