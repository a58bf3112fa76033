import { posix } from 'node:path';
import type { ToolRunner, ToolText } from './define.ts';
import { scriptFailure } from './output.ts';

/** Bytes of one file that `write` and `edit` take. */
export const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Walks to the directory component by component and stays in it, so that what is written lies in the directory
 * that was decided on; the rename replaces a link instead of following it (attack 65). A file with credentials is
 * mounted by itself and cannot be renamed over: it is opened, its name asked of the kernel, and rewritten. $3 is the SHA-256 that
 * the file must still have, or empty.
 */
const SCRIPT = `
set -fu
umask 077
cd / || exit 69
IFS=/
for part in $1; do
  [ -n "$part" ] || continue
  [ -L "./$part" ] && exit 68
  [ -d "./$part" ] || mkdir -- "./$part" 2>/dev/null || [ -d "./$part" ] || mkdir -- "./$part" || exit 69
  cd -P -- "./$part" || exit 69
done
[ "$(pwd -P)" = "$1" ] || exit 68
[ -L "./$2" ] && exit 68
[ -d "./$2" ] && exit 66
draft=$(mktemp ./.gatehouse.XXXXXXXX) || exit 69
trap 'rm -f -- "$draft"' EXIT
cat > "$draft" || exit 69
if [ -n "$3" ]; then
  [ -f "./$2" ] || exit 71
  sum=$(sha256sum < "./$2") || exit 69
  [ "\${sum%% *}" = "$3" ] || exit 71
fi
if [ -f "./$2" ]; then chmod --reference="./$2" -- "$draft" || exit 69; fi
mv -f -T -- "$draft" "./$2" 2>/dev/null && exit 0
[ -f "./$2" ] || exit 69
exec 4<"./$2" || exit 69
[ "$(readlink /proc/self/fd/4)" = "\${1%/}/$2" ] || exit 68
cat "$draft" > /proc/self/fd/4 || exit 69`;

/** Replace a file in one step; undefined when it worked. `expected` is the SHA-256 it must still have. */
export async function writeFile(
  runner: ToolRunner,
  path: string,
  content: Uint8Array,
  expected = '',
): Promise<ToolText | undefined> {
  const argv = ['/bin/sh', '-c', SCRIPT, 'sh', posix.dirname(path), posix.basename(path), expected] as const;
  return scriptFailure(await runner.run(argv, content), path);
}
