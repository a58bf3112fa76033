import { realpath } from 'node:fs/promises';
import type { Mount } from '../../../kernel/index.ts';
import { resolveInMounts } from './resolve.ts';

/** A path of the sandbox and the file of the host behind it, every link on the way followed. */
export interface LocatedFile {
  readonly path: string;
  readonly host: string;
}

/** The host's files behind sandbox paths; what does not exist, lies below no mount or cannot be walked is left out. */
export async function locateFiles(
  paths: readonly string[],
  mounts: readonly Mount[],
): Promise<readonly LocatedFile[]> {
  const resolved = await Promise.all(
    mounts.map(async (mount) => ({
      ...mount,
      source: await realpath(mount.source).catch(() => mount.source),
    })),
  );
  const located = paths.map(async (path) => {
    const file = await resolveInMounts(path, resolved).catch(() => undefined);
    return file?.kind === 'found' ? [{ path, host: file.host }] : [];
  });
  return (await Promise.all(located)).flat();
}
