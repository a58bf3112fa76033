import { isAbsolute } from 'node:path';
import { environmentName } from '../input/references.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import type { SecretReference } from '../types.ts';

/** Where a resolved value may go, and how it travels. */
export type SecretBinding = Pick<SecretReference, 'host' | 'port' | 'header'>;

type Written =
  | string
  | { readonly source: 'env' | 'file' | 'exec'; readonly provider?: string; readonly id: string };

/**
 * A reference in the form that egress resolves: a variable, an absolute path, or an argv. `file` and `exec` may name
 * an entry of `secrets.providers`; for `exec` the id takes the place of `{id}` in its arguments, or comes last.
 */
export function readReference(
  written: Written | undefined,
  at: readonly Segment[],
  input: ConfigInput,
  binding: SecretBinding,
  issues: Issues,
): SecretReference | undefined {
  if (written === undefined) return undefined;
  const name = at.join('.');
  const refuse = (message: string): undefined => {
    issues.error(at, 'CONFIG_REFERENCE_INVALID', { message });
    return undefined;
  };
  if (typeof written === 'string') {
    const id = environmentName(written);
    return id === undefined ? refuse('not a reference') : { name, source: 'env', id, ...binding };
  }
  const { source, id, provider } = written;
  const entry = provider === undefined ? undefined : input.secrets?.providers?.[provider];
  const unregistered = provider !== undefined && provider !== 'default' && entry === undefined;
  if (unregistered || (entry !== undefined && entry.source !== source)) {
    return refuse(`there is no ${source} provider of this name under secrets.providers`);
  }
  if (source === 'env') return { name, source, id, ...binding };
  if (source === 'file') {
    const path = entry?.source === 'file' ? entry.path : id;
    return isAbsolute(path)
      ? { name, source, id: path, ...binding }
      : refuse('a file reference is an absolute path, or names a provider that has one');
  }
  if (entry?.source !== 'exec')
    return refuse('an exec reference names an exec provider under secrets.providers');
  const args = entry.args ?? [];
  const filled = args.map((arg) => arg.replaceAll('{id}', id));
  const argv = [entry.command, ...filled, ...(args.some((arg) => arg.includes('{id}')) ? [] : [id])];
  return { name, source, id: JSON.stringify(argv), ...binding };
}
