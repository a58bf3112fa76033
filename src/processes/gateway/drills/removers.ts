import type { Core } from '../../core.ts';

/** How each kind of thing that drills make goes away again. */
export function removersOf({ auth }: Core): Readonly<Record<string, (ref: string) => Promise<void>>> {
  return {
    token: (name) => auth.discardToken(name),
  };
}
