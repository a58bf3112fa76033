import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** First executable of that name in the directories. */
export function findProgram(name: string, dirs: readonly string[]): string | undefined {
  return dirs
    .map((dir) => join(dir, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}
