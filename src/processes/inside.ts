import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InsideScript } from '../agents/index.ts';
import type { Program } from './program.ts';

/** Whether this process was started from the bundle or from the sources. */
function bundled(program: Program): boolean {
  return process.env['GATEHOUSE_SOURCES'] !== '1' && existsSync(join(program.root, 'dist', 'inside'));
}

/** Host folder of the scripts that run inside a sandbox. */
export function insideDir(program: Program): string {
  return bundled(program)
    ? join(program.root, 'dist', 'inside')
    : join(program.root, 'src', 'drivers', 'bubblewrap', 'inside');
}

/** argv of such a script, as the driver places it. */
export const INSIDE_SCRIPT: InsideScript = (name) => ['/opt/gatehouse/node', `/opt/gatehouse/${name}.mjs`];
