import type { Egress } from '../../../kernel/index.ts';
import type { Core } from '../../core.ts';

/** How each kind of thing that drills make goes away again. */
export function removersOf(
  { auth, senders }: Core,
  egress: Egress,
): Readonly<Record<string, (ref: string) => Promise<void>>> {
  return {
    token: (name) => auth.discardToken(name),
    sender: async (ref) => {
      const [channel = '', account = '', sender = ''] = ref.split(' ');
      await senders.forget({ channel, account, sender });
    },
    run: async (run) => void (await egress.closeRun(run)),
  };
}
