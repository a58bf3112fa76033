import type { Rule } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { Playbook } from './schema.ts';

type Files = Playbook['files'];

/** The only places inside a sandbox that hold anything but the system. */
export const SANDBOX_ROOTS = ['/workspace', '/data', '/mnt', '/tmp'] as const;

/** An absolute, normalised path below one of the roots; `/**` at its end means everything below. */
export function isSandboxPath(pattern: string, roots: readonly string[] = SANDBOX_ROOTS): boolean {
  const path = pattern.endsWith('/**') ? pattern.slice(0, -3) : pattern;
  if (/[\u0000-\u001f\u007f*?[\]{}\\]/.test(path)) return false;
  const parts = path.split('/').slice(1);
  if (!path.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..'))
    return false;
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}

function checked(patterns: readonly string[], at: readonly Segment[], issues: Issues): readonly string[] {
  patterns.forEach((pattern, index) => {
    if (!isSandboxPath(pattern)) issues.error([...at, index], 'PLAYBOOK_FILES_INVALID');
  });
  return patterns;
}

function rule(
  id: string,
  kind: 'file.read' | 'file.write',
  effect: Rule['effect'],
  path: readonly string[],
): Rule {
  return { id, kind, effect, match: { path } };
}

/**
 * Rules of `files`. The workspace and the run's own /tmp follow from `workspace`; a mount may be read, and
 * written when its mode says so, unless `readable` or `writable` name something narrower.
 */
export function compileFiles(files: Files, issues: Issues): readonly Rule[] {
  const mounts = files.mounts ?? [];
  mounts.forEach((mount, index) => {
    if (!isSandboxPath(mount.target, ['/data', '/mnt']) || mount.target.endsWith('/**')) {
      issues.error(['files', 'mounts', index, 'target'], 'PLAYBOOK_FILES_INVALID', {
        message: 'a mount stands below /data or /mnt',
      });
    }
  });
  const below = (mode: 'ro' | 'rw') =>
    mounts.filter((mount) => mode === 'ro' || mount.mode === 'rw').map((mount) => `${mount.target}/**`);
  const readable = checked(files.readable ?? below('ro'), ['files', 'readable'], issues);
  const writable = checked(files.writable ?? below('rw'), ['files', 'writable'], issues);
  const shielded = checked(files.protected ?? [], ['files', 'protected'], issues);
  checked(files.private ?? [], ['files', 'private'], issues);
  const rules: Rule[] = [];
  if (shielded.length > 0) rules.push(rule('files:protected', 'file.write', 'deny', shielded));
  if (files.workspace !== 'none')
    rules.push(rule('files:workspace', 'file.read', 'allow', ['/workspace/**']));
  if (files.workspace === 'rw') rules.push(rule('files:workspace', 'file.write', 'allow', ['/workspace/**']));
  rules.push(rule('files:tmp', 'file.read', 'allow', ['/tmp/**']));
  rules.push(rule('files:tmp', 'file.write', 'allow', ['/tmp/**']));
  if (readable.length > 0) rules.push(rule('files:readable', 'file.read', 'allow', readable));
  if (writable.length > 0) rules.push(rule('files:writable', 'file.write', 'allow', writable));
  return rules;
}
