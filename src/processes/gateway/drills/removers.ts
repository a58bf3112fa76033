import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Egress } from '../../../kernel/index.ts';
import type { HomePaths } from '../../../operations/services.ts';
import type { Core } from '../../core.ts';

/** How each kind of thing that drills make goes away again. */
export function removersOf(
  { auth, senders, sessions, db }: Core,
  egress: Egress,
  paths: HomePaths,
): Readonly<Record<string, (ref: string) => Promise<void>>> {
  return {
    token: (name) => auth.discardToken(name),
    principal: (name) => auth.discardPrincipal(onlyDrills(name)),
    budget: async (agent) => {
      const scope = `agent:${onlyDrills(agent)}`;
      await db.deleteFrom('budget_use').where('scope', '=', scope).execute();
    },
    sender: async (ref) => {
      const [channel = '', account = '', sender = ''] = ref.split(' ');
      await senders.forget({ channel, account, sender });
    },
    session: async (ref) => {
      const [space = '', key = ''] = ref.split(' ');
      await sessions.delete(space, key);
    },
    folder: async (name) => {
      await rm(join(paths.run, onlyDrills(name)), { recursive: true, force: true });
    },
    run: async (run) => void (await egress.closeRun(run)),
  };
}

/** A row of a database decides what is removed: nothing but a drill's own is. */
function onlyDrills(name: string): string {
  if (!/^drill-d[0-9a-f]{10}$/.test(name)) throw new Error('not made by a drill');
  return name;
}
