import { mkdirSync } from 'node:fs';
import { sep } from 'node:path';
import type { EffectiveConfig } from '../configuration/types.ts';
import type { HomePaths } from '../operations/services.ts';

/**
 * Make the agents' own folders below the home. A workspace elsewhere is the operator's: when it is missing, the
 * sandbox says so instead of inventing an empty one.
 */
export function prepareWorkspaces(paths: HomePaths, config: EffectiveConfig): void {
  for (const { workspace } of config.agents.values()) {
    if (workspace.startsWith(paths.workspaces + sep)) mkdirSync(workspace, { recursive: true, mode: 0o700 });
  }
}
