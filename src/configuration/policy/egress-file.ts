import { join } from 'node:path';
import type { Static } from 'typebox';
import type { EgressPolicyFile } from '../../controls/egress/schema.ts';
import { DEFAULT_EGRESS_LIMITS, type EgressLimits } from '../../controls/egress/types.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { ConfigCode } from '../codes.ts';
import { type ConfigFiles, isBelow } from '../files.ts';
import { decodeText } from '../input/parse.ts';
import { secretRules } from '../input/references.ts';
import { type SchemaNode, walkSchema } from '../input/schema-walk.ts';
import { parseYaml } from '../input/yaml.ts';
import { Issues } from '../issues.ts';
import type { ConfigPaths } from '../types.ts';

/** Largest policy file, in bytes: 10,000 rules with their facts fit. */
export const MAX_EGRESS_FILE_BYTES = 4 * 1024 * 1024;

export type EgressPolicyInput = Static<typeof EgressPolicyFile>;

export interface LoadedEgressPolicy {
  /** Undefined when the home has no `policy/egress.yaml`, which is not the same as one without rules. */
  readonly file: EgressPolicyInput | undefined;
  /** Knows its file and lines. */
  readonly issues: Issues;
}

export function egressPolicyPath(paths: Pick<ConfigPaths, 'policy'>): string {
  return join(paths.policy, 'egress.yaml');
}

/** Read `policy/egress.yaml`. Everything that is wrong is in `issues`, each with its line. */
export async function loadEgressPolicy(paths: ConfigPaths, files: ConfigFiles): Promise<LoadedEgressPolicy> {
  const path = egressPolicyPath(paths);
  const none = new Issues(() => ({ file: path, line: 1 }));
  let bytes: Uint8Array | undefined;
  try {
    bytes = files.read(path, MAX_EGRESS_FILE_BYTES);
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError)) throw thrown;
    none.error([], thrown.code as ConfigCode, { message: thrown.message });
    return { file: undefined, issues: none };
  }
  if (bytes === undefined) return { file: undefined, issues: none };
  // A link into a workspace would let an agent write its own way out (attack 88).
  if (isBelow(files, path, paths.workspaces)) {
    none.error([], 'CONFIG_INCLUDE_OUTSIDE', { message: 'the file is a link into a workspace' });
    return { file: undefined, issues: none };
  }
  return parseEgressPolicy(bytes, path);
}

/** A policy's bytes to its checked form; `path` is only what issues name. */
export async function parseEgressPolicy(bytes: Uint8Array, path: string): Promise<LoadedEgressPolicy> {
  const decoded = decodeText(bytes);
  if (!decoded.ok) {
    const broken = new Issues();
    for (const { segments, code, facts } of decoded.problems)
      broken.error(segments, code, { file: path, ...facts });
    return { file: undefined, issues: broken };
  }
  const { value, issues } = await parseYaml(decoded.text, path);
  if (issues.errors.length > 0) return { file: undefined, issues };
  const { EgressPolicyFile: schema } = await import('../../controls/egress/schema.ts');
  const checked = walkSchema(schema as object as SchemaNode, value, { issues, ...secretRules(issues) });
  return { file: issues.errors.length > 0 ? undefined : (checked as EgressPolicyInput), issues };
}

const MEGABYTE = 1_048_576;

/** The bounds of connections with the file's own in place of the defaults (E9). */
export function egressLimitsOf(limits: EgressPolicyInput['limits']): EgressLimits {
  const { run, agent, total, connection } = limits ?? {};
  const written: { -readonly [Key in keyof EgressLimits]?: number | undefined } = {
    connectionsPerRun: run?.connections,
    requestsPerRun: run?.requests,
    bytesPerRun: times(run?.megabytes, MEGABYTE),
    connectionsPerAgent: agent?.connections,
    bytesPerAgentDay: times(agent?.megabytesPerDay, MEGABYTE),
    connectionsTotal: total?.connections,
    bytesPerDay: times(total?.megabytesPerDay, MEGABYTE),
    totalMs: times(connection?.seconds, 1_000),
    idleMs: times(connection?.idleSeconds, 1_000),
  };
  const said = Object.entries(written).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...DEFAULT_EGRESS_LIMITS, ...Object.fromEntries(said) });
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
