export { CONFIG_CODES, PLAYBOOK_CODES } from './codes.ts';
export { CONFIG_DEFAULTS } from './defaults.ts';
export { egressRulesOf, type LoadOptions, loadConfigText, loadEffectiveConfig } from './load.ts';
export { commandProblem } from './playbooks/commands.ts';
export { isSandboxPath } from './playbooks/files.ts';
export { egressPolicyPath } from './policy/egress-file.ts';
export { TOOLS } from './policy/tools.ts';
export { type ConfigServiceParts, createConfigService } from './service.ts';
export { type ConfigTables, migrations } from './snapshots/tables.ts';
