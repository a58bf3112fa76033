import { realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import type { Program } from './program.ts';

/** What needs no quotes in a shell. */
const PLAIN = /^[\w./@%+,-]+$/;

/** What this person types to start this program: its name where that finds it, otherwise its path. */
export function commandName({ root, entry }: Program, path: string | undefined): string {
  if (root.includes('node_modules') || isOnPath(entry, path)) return 'gatehouse';
  const fromHere = relative(process.cwd(), entry);
  const place = fromHere.startsWith('..') ? entry : `./${fromHere}`;
  return PLAIN.test(place) ? place : `'${place.replaceAll("'", `'\\''`)}'`;
}

function isOnPath(entry: string, path: string | undefined): boolean {
  return (path ?? '').split(delimiter).some((folder) => {
    try {
      return folder !== '' && realpathSync(join(folder, 'gatehouse')) === realpathSync(entry);
    } catch {
      return false;
    }
  });
}
