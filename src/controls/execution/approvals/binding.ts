import { createHash } from 'node:crypto';
import type { ApprovalBinding } from '../types.ts';

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** The binding as text that is the same for equal bindings: exactly its fields, keys in order. */
export function bindingText(binding: ApprovalBinding): string {
  const { tool, argv, cwd, env, files, sandbox, agent, session } = binding;
  return canonicalJson({ tool, argv, cwd, env, files, sandbox, agent, session });
}

/** SHA-256 (hex) of the canonical binding; two bindings that differ anywhere have different hashes. */
export function bindingHash(binding: ApprovalBinding): string {
  return createHash('sha256').update(bindingText(binding)).digest('hex');
}
