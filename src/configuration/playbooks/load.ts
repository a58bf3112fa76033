import { join } from 'node:path';
import { GatehouseError } from '../../kernel/index.ts';
import type { ConfigCode } from '../codes.ts';
import { parseExpiry } from '../dates.ts';
import { type ConfigFiles, isBelow } from '../files.ts';
import { Issues } from '../issues.ts';
import type { ConfigPaths } from '../types.ts';
import { MAX_PLAYBOOK_BYTES, parsePlaybook } from './parse.ts';
import type { Playbook } from './schema.ts';
import { SHIPPED_PLAYBOOKS } from './shipped.ts';

/** Playbooks of one home. */
export const MAX_PLAYBOOKS = 200;

const FILE_NAME = /^([a-z0-9][a-z0-9_-]{0,63})\.yaml$/;

export interface LoadedPlaybook {
  readonly playbook: Playbook;
  /** Collects what is found when it is compiled; knows its file and lines. */
  readonly issues: Issues;
  /** From the home, not shipped. */
  readonly own: boolean;
}

/**
 * The shipped playbooks and those of the home, by name. A playbook of the home never takes the name of a shipped
 * one: who reads `support-bot` in a decision must know what it says.
 */
export async function loadPlaybooks(
  paths: ConfigPaths,
  files: ConfigFiles,
  issues: Issues,
): Promise<ReadonlyMap<string, LoadedPlaybook>> {
  const loaded = new Map<string, LoadedPlaybook>();
  for (const [name, playbook] of Object.entries(SHIPPED_PLAYBOOKS)) {
    loaded.set(name, { playbook: playbook as Playbook, issues: new Issues(), own: false });
  }
  const names = files.list(paths.playbooks).filter((name) => /^[^.].*\.ya?ml$/.test(name));
  if (names.length > MAX_PLAYBOOKS) {
    const message = `the home holds more than ${MAX_PLAYBOOKS} playbooks`;
    issues.error([], 'CONFIG_TOO_LARGE', {
      message,
      file: paths.playbooks,
      fix: 'Remove those that no agent has.',
    });
    return loaded;
  }
  for (const name of names) {
    const file = join(paths.playbooks, name);
    const one = await loadOne(name, file, paths, files);
    issues.errors.push(...one.issues.errors);
    if (one.playbook === undefined) continue;
    loaded.set(one.playbook.playbook, { playbook: one.playbook, issues: one.issues, own: true });
  }
  return loaded;
}

function fileIssues(file: string): Issues {
  return new Issues(() => ({ file, line: 1 }));
}

async function loadOne(name: string, file: string, paths: ConfigPaths, files: ConfigFiles) {
  const issues = fileIssues(file);
  const stem = FILE_NAME.exec(name)?.[1];
  if (stem === undefined || Object.hasOwn(SHIPPED_PLAYBOOKS, stem)) {
    const message =
      stem === undefined
        ? 'a playbook is a file NAME.yaml with a name of lower-case letters, digits, - and _'
        : `${stem} is the name of a shipped playbook; give yours another name`;
    issues.error([], 'PLAYBOOK_NAME', { message });
    return { playbook: undefined, issues };
  }
  if (isWrittenByAgents(file, paths, files)) {
    issues.error([], 'CONFIG_INCLUDE_OUTSIDE', { message: 'the file is a link into a workspace' });
    return { playbook: undefined, issues };
  }
  try {
    const bytes = files.read(file, MAX_PLAYBOOK_BYTES) ?? new Uint8Array();
    const parsed = await parsePlaybook(bytes, file);
    const named = parsed.playbook?.playbook;
    if (named === undefined || named === stem) return parsed;
    parsed.issues.error(['playbook'], 'PLAYBOOK_NAME', {
      message: 'the name differs from the name of the file',
    });
    return { playbook: undefined, issues: parsed.issues };
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError)) throw thrown;
    issues.error([], thrown.code as ConfigCode, { message: thrown.message });
    return { playbook: undefined, issues };
  }
}

/** A link from the folder of playbooks into a workspace would let an agent write its own authority (attack 88). */
function isWrittenByAgents(file: string, paths: ConfigPaths, files: ConfigFiles): boolean {
  return isBelow(files, file, paths.workspaces);
}

/** A playbook whose review date is no date, or has passed. */
export function checkReview({ playbook }: LoadedPlaybook, issues: Issues, now: number): void {
  const due = parseExpiry(playbook.review);
  const name = playbook.playbook;
  if (due === undefined) {
    issues.error(['review'], 'CONFIG_BAD_VALUE', {
      message: `playbook ${name}: review is not an ISO 8601 date`,
    });
  } else if (due <= now) {
    issues.warn(['review'], 'PLAYBOOK_REVIEW_DUE', {
      message: `the review date of playbook ${name} has passed`,
    });
  }
}
