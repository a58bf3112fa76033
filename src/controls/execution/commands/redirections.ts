import type { Redirect } from 'unbash';
import { normaliseSandboxPath } from '../files/path.ts';
import { decodeWord } from './words.ts';

export interface RedirectedFile {
  readonly kind: 'file.read' | 'file.write';
  readonly path: string;
  readonly relative: boolean;
}

export type Redirection =
  | { readonly understood: true; readonly files: readonly RedirectedFile[] }
  | { readonly understood: false; readonly reason: string; readonly files: readonly RedirectedFile[] };

/** Not files: what is already open, or nothing. */
const STREAMS = /^\/dev\/(?:null|stdin|stdout|stderr|tty|fd\/[0-2])$/;
const KINDS: Readonly<Record<string, readonly RedirectedFile['kind'][]>> = {
  '<': ['file.read'],
  '>': ['file.write'],
  '>>': ['file.write'],
  '>|': ['file.write'],
  '<>': ['file.read', 'file.write'],
};

function refused(reason: string, files: readonly RedirectedFile[] = []): Redirection {
  return { understood: false, reason, files };
}

/** `a/../b` is not `b` when `a` is a symbolic link, and the shell follows the link. */
function climbsThroughName(path: string): boolean {
  return /[^/.][^/]*\/+(?:\.\/+)*\.\.(?:\/|$)/.test(path) || /\.{3,}\/+\.\./.test(path);
}

function filesOf(operator: string, target: string, cwd: string): readonly RedirectedFile[] {
  const path = normaliseSandboxPath(target, cwd);
  if (STREAMS.test(path)) return [];
  const kinds = KINDS[operator] ?? ['file.read', 'file.write'];
  return kinds.map((kind) => ({ kind, path, relative: !target.startsWith('/') }));
}

/** The file that a command writes because an operand of it says so. */
export function analyseWrite(target: string, cwd: string): Redirection {
  if (target === '') return { understood: true, files: [] };
  try {
    const files = filesOf('>', target, cwd);
    return climbsThroughName(target)
      ? refused('a file to write that is named through a parent directory', files)
      : { understood: true, files };
  } catch {
    return refused('a file to write that has no usable name');
  }
}

/**
 * The files that one redirection reads or writes. `source` is the text that its positions count in: operator
 * and target are compared with it, because dash and bash disagree on `&>`, `>&file` and `{fd}>`.
 */
export function analyseRedirection(redirect: Redirect, source: string, cwd: string): Redirection {
  const { operator, target } = redirect;
  if (target === undefined) return refused('a redirection without a target');
  const word = decodeWord(target.text);
  if (!word.clear) return refused(`a redirection to ${word.reason}`);
  const raw = source.slice(redirect.pos, redirect.end);
  if (!/^[0-9]?[<>]/.test(raw)) return refused('a redirection that shells read differently');
  if (operator === '>&' || operator === '<&') {
    return /^[0-9]$|^-$/.test(word.value)
      ? { understood: true, files: [] }
      : refused('a redirection that shells read differently');
  }
  const files = filesOf(operator, word.value, cwd);
  if (KINDS[operator] === undefined) return refused('a redirection that shells read differently', files);
  if (climbsThroughName(word.value)) return refused('a redirection through a parent directory', files);
  if (files.some((file) => /^\/dev\/(?:tcp|udp)(?:\/|$)/.test(file.path))) {
    return refused('a redirection to the network', files);
  }
  return { understood: true, files };
}
