import type { TurnLimits } from '../../agents/types.ts';
import type { SandboxLimits } from '../../kernel/index.ts';

const KB = 1024;
const MB = 1024 * KB;

/** Bounds as people write them, in the configuration and in playbooks. */
export interface WrittenLimits {
  readonly memoryMb?: number;
  readonly processes?: number;
  readonly fileMb?: number;
  readonly tmpMb?: number;
  readonly seconds?: number;
  readonly cpuSeconds?: number;
  readonly outputKb?: number;
  readonly openFiles?: number;
}

/** What a run gets when nobody says otherwise. */
const DEFAULT_LIMITS: Required<WrittenLimits> = {
  memoryMb: 1_024,
  processes: 256,
  fileMb: 256,
  tmpMb: 256,
  seconds: 120,
  cpuSeconds: 120,
  outputKb: 256,
  openFiles: 1_024,
};

/** The most that a playbook can ask for when the install says nothing. */
const DEFAULT_CEILING: Required<WrittenLimits> = {
  memoryMb: 8_192,
  processes: 2_048,
  fileMb: 4_096,
  tmpMb: 2_048,
  seconds: 3_600,
  cpuSeconds: 3_600,
  outputKb: 4_096,
  openFiles: 8_192,
};

/** What a run gets: the playbook's wish or the default, never above the ceiling. */
export function sandboxLimits(wish: WrittenLimits, ceiling: WrittenLimits): SandboxLimits {
  const value = (key: keyof WrittenLimits): number =>
    Math.min(wish[key] ?? DEFAULT_LIMITS[key], ceiling[key] ?? DEFAULT_CEILING[key]);
  return {
    memoryBytes: value('memoryMb') * MB,
    processes: value('processes'),
    fileBytes: value('fileMb') * MB,
    tmpBytes: value('tmpMb') * MB,
    wallMs: value('seconds') * 1_000,
    cpuSeconds: value('cpuSeconds'),
    outputBytes: value('outputKb') * KB,
    openFiles: value('openFiles'),
  };
}

export interface WrittenTurn {
  readonly steps?: number;
  readonly tokens?: number;
  readonly seconds?: number;
  readonly contextTokens?: number;
  readonly approvalSeconds?: number;
}

/** What a turn gets when nobody says otherwise. */
const DEFAULT_TURN: Required<WrittenTurn> = {
  steps: 24,
  tokens: 1_000_000,
  seconds: 600,
  contextTokens: 100_000,
  approvalSeconds: 1_800,
};

/** The smallest of what playbook and configuration say; the default where neither says anything. */
export function turnLimits(...written: readonly (WrittenTurn | undefined)[]): TurnLimits {
  const value = (key: keyof WrittenTurn): number => {
    const said = written.map((turn) => turn?.[key]).filter((number) => number !== undefined);
    return said.length === 0 ? DEFAULT_TURN[key] : Math.min(...said);
  };
  return {
    steps: value('steps'),
    tokens: value('tokens'),
    wallMs: value('seconds') * 1_000,
    contextTokens: value('contextTokens'),
    approvalMs: value('approvalSeconds') * 1_000,
  };
}
